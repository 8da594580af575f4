package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// PruneTenant implements store.Maintenance, an eraseBatch in each transaction.
func (s *Store) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	var done store.Erased
	here, err := s.Now(ctx)
	if err != nil {
		return done, fmt.Errorf("prune tenant: %w", err)
	}
	before = here.Add(-now.Sub(before)) // by this database's clock
	after := ""
	for seen := 0; done.Events < limit && seen < store.PassedBy*limit; {
		part, page, err := s.pruneSome(ctx, tenant, after, before, min(eraseBatch, limit-done.Events))
		if err != nil {
			return done, fmt.Errorf("prune tenant: %w", err)
		}
		if done.Add(part); len(page) == 0 {
			break
		}
		after = page[len(page)-1]
		seen += len(page)
	}
	done.More = done.Events >= limit
	return done, nil
}

// pruneSome looks at a page of old events and removes those of which nothing is
// pending. It returns the ids of the page.
func (s *Store) pruneSome(ctx context.Context, tenant, after string, before time.Time, limit int) (store.Erased, []string, error) {
	e := erasure{tenant: tenant}
	args := []any{tenant, after, webhook.PrefixEvent.Floor(before.Add(clockSlack)), before.UnixMicro(), limit}
	t, err := s.begin(ctx, beginWriting, step{`
		SELECT id, ''
		FROM postrider.events
		WHERE tenant = $1
		AND id > $2
		AND id < $3
		AND published_at < $4
		ORDER BY id
		LIMIT $5`, args, e.scanEvent})
	if err != nil || len(e.ids) == 0 {
		if t != nil {
			t.rollback()
		}
		return store.Erased{}, nil, err
	}
	e.bound()
	page := e.ids
	var pending []string
	if err := t.send(ctx, []step{{`
		SELECT DISTINCT event
		FROM postrider.queue
		WHERE tenant = $1
		AND event = ANY($2::text[])
		AND delivery >= $3
		AND delivery < $4`, []any{tenant, e.ids, e.dLow, e.dHigh}, func(r row) error {
		var id string
		err := r.Scan(&id)
		pending = append(pending, id)
		return err
	}}}); err != nil {
		t.rollback()
		return store.Erased{}, nil, classify(err)
	}
	e.ids = slices.DeleteFunc(slices.Clone(e.ids), func(id string) bool { return slices.Contains(pending, id) })
	if len(e.ids) == 0 {
		t.rollback()
		return store.Erased{}, page, nil
	}
	err = e.run(ctx, t)
	return e.done, page, err
}
