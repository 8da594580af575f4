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
		{"PruneTenant", pending, func(p *process) error { // of which all is pending
			done, err := p.PruneTenant(w.ctx, time.Now(), w.ep.name, time.Now(), 2)
			return cmp.Or(err, wantLen(make([]int, done.Events), 0))
		}},
		{"AddSubjectKeys", 2, func(p *process) error {
			key := store.SubjectKey{SubjectKeyName: store.SubjectKeyName{Tenant: w.ep.name, Subject: subject, Period: 1}, Sealed: []byte("x")}
			for range 2 { // the second time they are there
				if _, err := p.AddSubjectKeys(w.ctx, []store.SubjectKey{key}); err != nil {
					return err
				}
			}
			found, err := p.SubjectKeys(w.ctx, []store.SubjectKeyName{key.SubjectKeyName})
			return cmp.Or(err, wantLen(found, 1))
		}},
		{"SealedValues", 10, func(p *process) error {
			for _, kind := range store.SealedKinds {
				after := store.SealedValue{Tenant: "dead", Endpoint: "ep_", ID: "ep_"}
				found, err := p.SealedValues(w.ctx, kind, after, 10)
				if err != nil {
					return err
				}
				var changes []store.SealedChange
				for _, v := range found {
					changes = append(changes, store.SealedChange{SealedValue: v, Was: []byte("of before")})
				}
				if _, err := p.ReplaceSealed(w.ctx, changes); err != nil {
					return err
				}
			}
			return nil
		}},
		{"DeleteSubjectKeys", 1, func(p *process) error {
			n, err := p.DeleteSubjectKeys(w.ctx, w.ep.name, subject)
			return cmp.Or(err, wantLen(make([]int, n), 1))
		}},
		{"PruneSubjectKeys", 1, func(p *process) error { _, err := p.PruneSubjectKeys(w.ctx, 1, 10); return err }},
	}
}
