package postgres_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

func (w *life) publishes() []step {
	keyed := func(key string, expires time.Duration) store.Publication {
		p := w.ep.keyed(key)
		p.KeyExpires = time.Now().Add(expires)
		return p
	}
	return []step{
		{"Publish", 128, func(p *process) error {
			for range 128 {
				w.pubs = append(w.pubs, w.ep.publication())
			}
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), w.pubs))
		}},
		{"Publish, handed over", 2, func(p *process) error {
			pub := w.ep.publication()
			pub.Epoch, pub.Deliveries[0].HandOver = w.epoch, true
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Publish, stale", 1, func(p *process) error {
			pub := w.ep.publication()
			pub.Revision--
			return wantAll(store.PublishStale)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Publish, new keys", 4, func(p *process) error {
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("a", time.Hour), keyed("b", -time.Second)}))
		}},
		{"Publish, known key", 2, func(p *process) error {
			return wantAll(store.PublishDuplicate)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("a", time.Hour)}))
		}},
		{"Publish, expired key", 3, func(p *process) error {
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("b", time.Hour)}))
		}},
		{"Publish, stale with key", 3, func(p *process) error {
			pub := keyed("c", time.Hour)
			pub.Revision--
			return wantAll(store.PublishStale)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Tx.Publish", 3, func(p *process) error {
			tx, err := p.pool.Begin(w.ctx)
			if err != nil {
				return err
			}
			err = wantAll(store.PublishStored)(p.Tx(tx).Publish(w.ctx, time.Now(), []store.Publication{keyed("d", time.Hour)}))
			return cmp.Or(err, tx.Commit(w.ctx))
		}},
		{"Published", 128, func(p *process) error {
			found, err := p.Published(w.ctx, w.events())
			return cmp.Or(err, wantLen(found, 128))
		}},
	}
}

func wantAll(want store.PublishOutcome) func([]store.PublishResult, error) error {
	return func(results []store.PublishResult, err error) error {
		for _, r := range results {
			if err == nil && r.Outcome != want {
				err = fmt.Errorf("outcome %s; want %s", outcome(r.Outcome), outcome(want))
			}
		}
		return err
	}
}

func (w *life) events() []store.EventKey {
	keys := make([]store.EventKey, len(w.pubs))
	for i, p := range w.pubs {
		keys[i] = store.EventKey{Tenant: p.Event.Tenant, ID: p.Event.ID}
	}
	return keys
}
