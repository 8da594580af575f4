package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	var result store.SettleResult
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		result, err = settle(ctx, c, now, st)
		return err
	})
	if err != nil {
		return store.SettleResult{}, fmt.Errorf("settle: %w", err)
	}
	return result, nil
}

// outcomes are the accepted items of a settlement, by what is written of them.
type outcomes struct {
	accepted  []store.Settled
	ended     []store.Settled // no longer pending
	retried   []store.Settled // pending, with an attempt
	released  []store.Settled // pending, without one
	attempted []store.Settled // ended or pending, with an attempt
}

func settle(ctx context.Context, c Conn, now time.Time, st store.Settlement) (store.SettleResult, error) {
	var result store.SettleResult
	claims, err := presentFences(ctx, c, st)
	if err != nil {
		return result, err
	}
	var o outcomes
	for i := range st.Items {
		it := &st.Items[i]
		if claim, ok := claims[it.Delivery]; !ok || claim != it.Claim {
			result.Lost = append(result.Lost, store.Held{Delivery: it.Delivery, Claim: it.Claim})
			continue
		}
		delete(claims, it.Delivery) // a second outcome of the same claim is lost
		o.add(it)
	}
	if err := settleQueue(ctx, c, now, st.Epoch, &o); err != nil {
		return result, err
	}
	if err := settleDeliveries(ctx, c, now, &o); err != nil {
		return result, err
	}
	if err := insertAllAttempts(ctx, c, o.attempted); err != nil {
		return result, err
	}
	if err := shutLanes(ctx, c, now, st.Gates); err != nil {
		return result, err
	}
	if result.Health, err = changeHealth(ctx, c, store.FoldHealth(o.accepted)); err != nil {
		return result, err
	}
	return result, count(ctx, c, st.Epoch, store.Tally(o.accepted))
}

func (o *outcomes) add(it *store.Settled) {
	o.accepted = append(o.accepted, *it)
	switch {
	case it.Status != webhook.DeliveryPending:
		o.ended = append(o.ended, *it)
	case it.Attempt != nil:
		o.retried = append(o.retried, *it)
	default:
		o.released = append(o.released, *it)
	}
	if it.Attempt != nil {
		o.attempted = append(o.attempted, *it)
	}
}

// presentFences returns the numbers of claims of the rows that are leased to
// the settlement's epoch.
func presentFences(ctx context.Context, c Conn, st store.Settlement) (map[string]int64, error) {
	claims := make(map[string]int64, len(st.Items))
	if st.Epoch <= 0 {
		return claims, nil
	}
	err := selectFences.query(ctx, c, []any{st.Epoch}, len(st.Items), func(args []any, i int) []any {
		return append(args, st.Items[i].Delivery)
	}, func(r Row) error {
		var delivery string
		var claim int64
		err := r.Scan(&delivery, &claim)
		claims[delivery] = claim
		return err
	})
	return claims, err
}

var selectFences = newMulti(`
	SELECT delivery, claims
	FROM postrider_queue
	WHERE owner = ?
	AND delivery IN (`, `?`, `)`)

// settleQueue removes the rows that ended and frees those that are pending.
func settleQueue(ctx context.Context, c Conn, now time.Time, epoch int64, o *outcomes) error {
	if err := deleteRows.execList(ctx, c, []any{epoch}, len(o.ended), func(args []any, i int) []any {
		return append(args, o.ended[i].Delivery)
	}); err != nil {
		return err
	}
	for _, items := range [][]store.Settled{o.retried, o.released} {
		for i := range items {
			it := &items[i]
			if _, err := c.Exec(ctx, `
				UPDATE postrider_queue
				SET owner = 0, started = 0, parked = ?, due = ?, attempts = attempts + ?
				WHERE owner = ?
				AND delivery = ?`,
				boolInt(it.Park), dueOf(it, now), boolInt(it.Attempt != nil), epoch, it.Delivery); err != nil {
				return err
			}
		}
	}
	return nil
}

var deleteRows = newMulti(`
	DELETE FROM postrider_queue
	WHERE owner = ?
	AND delivery IN (`, `?`, `)`)

func dueOf(it *store.Settled, now time.Time) int64 {
	if it.Due.IsZero() {
		return now.UnixMicro()
	}
	return it.Due.UnixMicro()
}

// settleDeliveries writes the states of deliveries, those that are the same in
// everything together.
func settleDeliveries(ctx context.Context, c Conn, now time.Time, o *outcomes) error {
	type end struct {
		status webhook.DeliveryStatus
		reason webhook.Reason
		tried  int64
		claim  int64
		tenant string
	}
	groups := make(map[end][]string, 1)
	for i := range o.ended {
		it := &o.ended[i]
		key := end{it.Status, it.Reason, boolInt(it.Attempt != nil), it.Claim, it.Tenant}
		groups[key] = append(groups[key], it.Delivery)
	}
	for key, ids := range groups {
		first := []any{string(key.status), textOrNull(string(key.reason)), key.tried, key.claim, now.UnixMicro(), key.tenant}
		if err := endDeliveries.execList(ctx, c, first, len(ids), func(args []any, i int) []any {
			return append(args, ids[i])
		}); err != nil {
			return err
		}
	}
	for i := range o.retried {
		it := &o.retried[i]
		if _, err := c.Exec(ctx, `
			UPDATE postrider_deliveries
			SET attempts = attempts + 1, next_at = ?, updated_at = ?
			WHERE tenant = ?
			AND id = ?`, dueOf(it, now), now.UnixMicro(), it.Tenant, it.Delivery); err != nil {
			return err
		}
	}
	return nil
}

var endDeliveries = newMulti(`
	UPDATE postrider_deliveries
	SET status = ?, reason = ?, attempts = attempts + ?, claims = ?, next_at = NULL, updated_at = ?
	WHERE tenant = ?
	AND id IN (`, `?`, `)`)
