package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	var result store.SettleResult
	headers, err := encodeHeaders(st.Items) // not while others wait to write
	if err != nil {
		return result, fmt.Errorf("settle: %w", err)
	}
	err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		result, err = s.settle(ctx, c, now, st, headers)
		return err
	})
	if err != nil {
		return store.SettleResult{}, fmt.Errorf("settle: %w", err)
	}
	return result, nil
}

// outcomes are the accepted items of a settlement, by what is written of them.
type outcomes struct {
	ended     []store.Settled  // no longer pending
	retried   []store.Settled  // pending, with an attempt
	attempted []store.Settled  // ended or pending, with an attempt
	headers   []attemptHeaders // of those
}

func (s *Store) settle(ctx context.Context, c Conn, now time.Time, st store.Settlement, headers []attemptHeaders) (store.SettleResult, error) {
	var result store.SettleResult
	var o outcomes
	torn, err := tornBatches(ctx, c, st)
	if err != nil {
		return result, err
	}
	for i := range st.Items {
		it := &st.Items[i]
		if sabotage.NoFence {
			if _, err := c.Exec(ctx, `
				UPDATE postrider_queue
				SET owner = ?, claims = ?
				WHERE delivery = ?`, st.Epoch, it.Claim, it.Delivery); err != nil {
				return result, err
			}
		}
		if it.In(torn) {
			result.Lost = append(result.Lost, store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim})
			continue
		}
		if it.Block {
			kept, err := unlessCanceled(ctx, c, st.Epoch, it)
			if err != nil {
				return result, err
			}
			it = &kept
		}
		held, err := settleRow(ctx, c, now, st.Epoch, it)
		if err == nil && !held && it.Status == webhook.DeliveryPending {
			// The row was canceled, or the fence is another one.
			ended := it.AsCanceled()
			it = &ended
			held, err = settleRow(ctx, c, now, st.Epoch, it)
		}
		if err != nil {
			return result, err
		}
		if !held {
			result.Lost = append(result.Lost, store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim})
			continue
		}
		o.add(it, headers[i])
	}
	if err := settleDeliveries(ctx, c, now, &o); err != nil {
		return result, err
	}
	if err := block(ctx, c, o.ended); err != nil {
		return result, err
	}
	if err := insertAllAttempts(ctx, c, o.attempted, o.headers); err != nil {
		return result, err
	}
	if err := shutLanes(ctx, c, now, st.Gates); err != nil {
		return result, err
	}
	if result.Health, err = changeHealth(ctx, c, now, store.FoldHealth(o.attempted)); err != nil {
		return result, err
	}
	return result, s.note(ctx, c, st.Epoch, o.attempted)
}

// tornBatches returns the batches of a settlement that some members of were lost.
func tornBatches(ctx context.Context, c Conn, st store.Settlement) (map[store.BatchKey]bool, error) {
	var err error
	torn := store.TornBatches(st.Items, func(it *store.Settled) bool {
		held, err2 := isHeld(ctx, c, st.Epoch, store.Held{Delivery: it.Delivery, Claim: it.Claim}, "")
		err = errors.Join(err, err2)
		return held
	})
	return torn, err
}

// settleRow removes the row of an item that ended, or frees the row of one that
// is pending unless it was canceled, and reports whether the item's fence was the
// row's. Row by row is
// the fastest way to find out, in SQLite: 4.1 µs a row, against 4.8 for reading
// all fences first and 6.5 for DELETE … RETURNING.
func settleRow(ctx context.Context, c Conn, now time.Time, epoch int64, it *store.Settled) (bool, error) {
	if epoch <= 0 {
		return false, nil
	}
	var n int64
	var err error
	if it.Status != webhook.DeliveryPending {
		n, err = c.Exec(ctx, `
			DELETE FROM postrider_queue
			WHERE owner = ?
			AND delivery = ?
			AND claims = ?`, epoch, it.Delivery, it.Claim)
	} else {
		n, err = c.Exec(ctx, `
			UPDATE postrider_queue
			SET owner = 0, started = 0, parked = ?, due = ?, attempts = attempts + ?
			WHERE owner = ?
			AND delivery = ?
			AND claims = ?
			AND canceled = 0`,
			boolInt(it.Park), dueOf(it, now), boolInt(it.Attempt != nil), epoch, it.Delivery, it.Claim)
	}
	if it.Unbind && it.Status == webhook.DeliveryPending && n > 0 && err == nil {
		err = unbind(ctx, c, it.Tenant, it.Delivery)
	}
	return n > 0, err
}

func dueOf(it *store.Settled, now time.Time) int64 {
	if it.Due.IsZero() {
		return now.UnixMicro()
	}
	return it.Due.UnixMicro()
}

func (o *outcomes) add(it *store.Settled, headers attemptHeaders) {
	switch {
	case it.Status != webhook.DeliveryPending:
		o.ended = append(o.ended, *it)
	case it.Attempt != nil:
		o.retried = append(o.retried, *it)
	}
	if it.Attempt != nil {
		o.attempted = append(o.attempted, *it)
		o.headers = append(o.headers, headers)
	}
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
