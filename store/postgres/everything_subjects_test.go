package postgres_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// subjects publish events about a subject, list and erase them. To erase, what the
// tenant has pending of that hour is read once, since the queue has no index by event:
// that is what publishes has left there.
func (w *life) subjects() []step {
	const events, pending = 8, 150
	subject := fmt.Sprint("subject ", time.Now().UnixNano())
	return []step{
		{"Publish, about a subject", 2 * events, func(p *process) error {
			var pubs []store.Publication
			for i := range events {
				pub := w.ep.keyed(fmt.Sprint(subject, i))
				pub.Event.Subject, pub.KeyExpires = subject, time.Now().Add(time.Hour)
				pubs = append(pubs, pub)
			}
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), pubs))
		}},
		{"SubjectEvents", events, func(p *process) error {
			for _, page := range []store.Page{{}, {Oldest: true}} {
				found, err := p.SubjectEvents(w.ctx, w.ep.name, subject, page)
				if err := cmp.Or(err, wantLen(found, events)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"EraseSubject", pending, func(p *process) error {
			done, err := p.EraseSubject(w.ctx, time.Now(), w.ep.name, subject, 2*events)
			if want := (store.Erased{Events: events, Payloads: events, Deliveries: events, IdempotencyKeys: events, Pending: events}); err == nil && done != want {
				err = fmt.Errorf("%+v was erased, want %+v", done, want)
			}
			return err
		}},
	}
}
