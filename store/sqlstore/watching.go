package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TailDeliveries implements store.Watching. All asks are answered in one transaction.
func (s *Store) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	answer := store.NewTailed(len(asks), whole(now))
	floor := webhook.PrefixDelivery.Floor(since)
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		for n, ask := range asks {
			if err := s.tail(ctx, c, floor, ask, func(d webhook.Delivery) { answer.Add(n, d) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Tailed{}, fmt.Errorf("tail deliveries: %w", err)
	}
	return answer, nil
}

// tail answers one ask.
func (s *Store) tail(ctx context.Context, c Conn, floor string, ask store.TailAsk, add func(webhook.Delivery)) error {
	each := func(r Row) error {
		d := webhook.Delivery{Tenant: ask.Tenant}
		err := scanDelivery(r, &d)
		add(d)
		return err
	}
	query, args := s.tailRecent(floor, ask)
	if err := c.Query(ctx, query, args, each); err != nil {
		return err
	}
	if ask.Backlog {
		query, args := s.listPending(ask.Tenant, store.DeliveryFilter{Endpoint: ask.Endpoint}, store.Page{}, deliveryRange{limit: store.MaxTail})
		if err := c.Query(ctx, query, args, each); err != nil {
			return err
		}
	}
	fill := func(args []any, i int) []any { return append(args, ask.Known[i]) }
	return tailKnown.query(ctx, c, []any{ask.Tenant}, len(ask.Known), fill, each)
}

// tailRecent returns the query of the newest deliveries.
func (s *Store) tailRecent(floor string, ask store.TailAsk) (string, []any) {
	index, where, args := "", "", []any{ask.Tenant, floor}
	if ask.Endpoint != "" {
		index, where, args = s.index("postrider_deliveries_endpoint"), "\n\t\tAND d.endpoint = ?", append(args, ask.Endpoint)
	}
	return `
		SELECT ` + deliveryColumns + `
		FROM postrider_deliveries d` + index + `
		LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
		WHERE d.tenant = ?
		AND d.id >= ?` + where + `
		ORDER BY d.id DESC
		LIMIT ? + 0`, append(args, store.MaxTail)
}

var tailKnown = newMulti(`
	SELECT `+deliveryColumns+`
	FROM postrider_deliveries d
	LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
	WHERE d.tenant = ?
	AND d.id IN (`, `?`, `)`)

// Lag implements store.Watching.
func (s *Store) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	var lag time.Duration
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		// No process has the epoch 0, so these are the lanes of nobody.
		_, next, err := s.nextDue(ctx, c, 0)
		if err == nil && !next.IsZero() {
			lag = max(now.Sub(next), 0)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read lag: %w", err)
	}
	return lag, nil
}
