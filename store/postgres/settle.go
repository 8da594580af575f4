package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// Settle implements store.Queue. It takes two round trips: the first finds out
// whose fences hold, the second writes what follows from that.
func (s *Store) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	result, err := s.settle(ctx, now, st)
	if err != nil {
		return store.SettleResult{}, fmt.Errorf("settle: %w", classify(err))
	}
	return result, nil
}

func (s *Store) settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	if sabotage.NoFence {
		for _, it := range st.Items {
			if _, err := s.pool.Exec(ctx, s.texts.of(`
				UPDATE postrider.queue
				SET owner = $1, claims = $2
				WHERE delivery = $3`), st.Epoch, it.Claim, it.Delivery); err != nil {
				return store.SettleResult{}, err
			}
		}
	}
	f := fences{held: make(map[store.Held]bool, len(st.Items))}
	t, err := s.begin(ctx, beginWriting, f.check(now, st.Epoch, st.Items)...)
	if err != nil {
		return store.SettleResult{}, err
	}
	defer t.rollback()
	if missing := f.missing(st.Items); len(missing) > 0 {
		// A row that was marked while we waited for its lock is not seen by a
		// statement that began before.
		if err := t.send(ctx, f.check(now, st.Epoch, missing)); err != nil {
			return store.SettleResult{}, err
		}
	}
	if torn := store.TornBatches(st.Items, func(it *store.Settled) bool { return f.held[fenceOf(it)] }); torn != nil {
		t.rollback()
		return s.settleWithout(ctx, now, st, torn)
	}
	var result store.SettleResult
	attempted := make([]store.Settled, 0, len(st.Items))
	var canceled []store.Settled
	for _, it := range st.Items {
		h := fenceOf(&it)
		if !f.held[h] {
			result.Lost = append(result.Lost, h)
			continue
		}
		delete(f.held, h) // for nobody else
		if f.canceled[h] && it.Status == webhook.DeliveryPending {
			it = it.AsCanceled()
			canceled = append(canceled, it)
		}
		if it.Attempt != nil {
			attempted = append(attempted, it)
		}
	}
	steps, err := s.consequences(now, st, attempted, &result)
	if err != nil {
		return result, err
	}
	if len(canceled) > 0 {
		steps = append([]step{endCanceled(canceled)}, steps...)
	}
	if err := t.commit(ctx, steps...); err != nil {
		return store.SettleResult{}, err
	}
	// They are noted durably; if counting them fails, whoever prunes does it.
	_ = s.CountSettled(ctx, st.Epoch, len(attempted))
	return result, nil
}

// settleWithout settles all but the items of batches that were lost in part.
func (s *Store) settleWithout(ctx context.Context, now time.Time, st store.Settlement, torn map[store.BatchKey]bool) (store.SettleResult, error) {
	var lost []store.Held
	var rest []store.Settled
	for i := range st.Items {
		if it := &st.Items[i]; it.In(torn) {
			lost = append(lost, fenceOf(it))
		} else {
			rest = append(rest, *it)
		}
	}
	st.Items = rest
	result, err := s.settle(ctx, now, st)
	result.Lost = append(result.Lost, lost...)
	return result, err
}

// fences are the items whose fences were the present ones, and those of them whose
// rows were canceled.
type fences struct {
	held, canceled map[store.Held]bool
}

func fenceOf(it *store.Settled) store.Held {
	return store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim}
}

// check returns the steps that end rows of the queue, or free them, and note whose
// fences were the present ones.
func (f *fences) check(now time.Time, epoch int64, items []store.Settled) []step {
	ended, kept := new(outcomes), new(outcomes)
	for _, it := range inOrder(items) {
		if it.Status == webhook.DeliveryPending {
			kept.add(now, it)
		} else {
			ended.add(now, it)
		}
	}
	var steps []step
	if o := blockingOf(now, items); len(o.deliveries) > 0 {
		steps = append(steps, step{text: blockRows, args: []any{o.tenants, o.deliveries, o.claims, owner(epoch)}})
	}
	if len(ended.deliveries) > 0 {
		steps = append(steps, step{endRows, ended.ends(epoch), func(r row) error {
			h, err := scanHeld(r)
			f.held[h] = true
			return err
		}})
	}
	if len(kept.deliveries) > 0 {
		steps = append(steps, step{freeRows, kept.frees(epoch), f.scanFreed})
	}
	return steps
}

func (f *fences) scanFreed(r row) error {
	var h store.Held
	var canceled int
	err := r.Scan(&h.Tenant, &h.Delivery, &h.Claim, &canceled)
	f.held[h] = true
	if canceled != 0 {
		if f.canceled == nil {
			f.canceled = make(map[store.Held]bool)
		}
		f.canceled[h] = true
	}
	return err
}

// missing returns the items of which no fence was found.
func (f *fences) missing(items []store.Settled) []store.Settled {
	var missing []store.Settled
	for i := range items {
		if !f.held[fenceOf(&items[i])] {
			missing = append(missing, items[i])
		}
	}
	return missing
}

// inOrder returns items in the order of their keys, in which everybody locks rows.
func inOrder(items []store.Settled) []*store.Settled {
	sorted := make([]*store.Settled, len(items))
	for i := range items {
		sorted[i] = &items[i]
	}
	slices.SortFunc(sorted, func(a, b *store.Settled) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Delivery, b.Delivery))
	})
	return sorted
}

// outcomes are items as columns.
type outcomes struct {
	tenants           []string
	deliveries        []string
	claims            []int64
	statuses, reasons []string
	tried             []int64
	parked, delays    []int64
	unbound           []int64
}

func (o *outcomes) add(now time.Time, it *store.Settled) {
	o.tenants = append(o.tenants, it.Tenant)
	o.deliveries = append(o.deliveries, it.Delivery)
	o.claims = append(o.claims, it.Claim)
	o.statuses = append(o.statuses, string(it.Status))
	o.reasons = append(o.reasons, string(it.Reason))
	o.tried = append(o.tried, boolInt(it.Attempt != nil))
	o.parked = append(o.parked, boolInt(it.Park))
	o.delays = append(o.delays, delay(now, it.Due))
	o.unbound = append(o.unbound, boolInt(it.Unbind))
}

func (o *outcomes) ends(epoch int64) []any {
	return []any{o.tenants, o.deliveries, o.claims, owner(epoch), o.tried, o.statuses, o.reasons}
}

func (o *outcomes) frees(epoch int64) []any {
	return []any{o.tenants, o.deliveries, o.claims, owner(epoch), o.tried, o.parked, o.delays, o.unbound}
}

// owner returns the owner that an epoch's rows have. What is no epoch has none.
func owner(epoch int64) int64 {
	if epoch <= 0 {
		return -1
	}
	return epoch
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// leasedRow locks the row of an outcome o if it is leased under its fence, and says
// where it is. Rows that are leased are found by their key, and only then is the
// owner looked at ("owner + 0" fits no index): the planner takes it for granted that
// an owner has few rows, and would read all that it ever had. And they are found
// one by one, for which the LIMIT is: while an old snapshot keeps ended rows from
// being vacuumed, the table looks so small to the planner that it would rather read
// all of it once. Where a row is does not change while it is locked.
const leasedRow = `
			SELECT r.ctid AS at
			FROM postrider.queue r
			WHERE r.tenant = o.tenant
			AND r.delivery = o.delivery
			AND r.claims = o.claim
			AND r.owner + 0 = $4
			LIMIT 1
			FOR UPDATE`

// endRows moves deliveries that have ended from the queue to the history.
const endRows = `
	WITH own AS MATERIALIZED (
		SELECT o.tried, o.status, o.reason, l.at
		FROM unnest($1::text[], $2::text[], $3::bigint[], $5::bigint[], $6::text[], $7::text[])
			o (tenant, delivery, claim, tried, status, reason)
		CROSS JOIN LATERAL (` + leasedRow + `) l
	), gone AS (
		DELETE FROM postrider.queue q
		USING own o
		WHERE q.ctid = o.at
		RETURNING q.tenant, q.delivery, q.event, q.endpoint, o.status, o.reason, q.attempts + o.tried AS attempts, q.claims, q.created_at,
			q.seq, q.prio, q.okey, q.batch
	), ended AS (
		INSERT INTO postrider.deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, created_at, updated_at,
			seq, prio, okey, batch)
		SELECT tenant, delivery, event, endpoint, status, nullif(reason, ''), attempts, claims, created_at, postrider.now_us(),
			seq, prio, okey, batch
		FROM gone
	)
	SELECT tenant, delivery, claims
	FROM gone`

// freeRows lets rows wait, or parks them.
const freeRows = `
	WITH own AS MATERIALIZED (
		SELECT o.tried, o.parked, o.delay, o.unbound, l.at
		FROM unnest($1::text[], $2::text[], $3::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
			o (tenant, delivery, claim, tried, parked, delay, unbound)
		CROSS JOIN LATERAL (` + leasedRow + `) l
	)
	UPDATE postrider.queue q
	SET owner = 0,
		started = 0,
		parked = o.parked,
		due = postrider.now_us() + o.delay,
		attempts = q.attempts + o.tried,
		batch = CASE o.unbound WHEN 1 THEN NULL ELSE q.batch END,
		updated_at = CASE o.tried WHEN 1 THEN postrider.now_us() ELSE q.updated_at END
	FROM own o
	WHERE q.ctid = o.at
	RETURNING q.tenant, q.delivery, q.claims, q.canceled`

// consequences returns the steps that write what follows from accepted attempts:
// they themselves, the gates of lanes, health and what is to be counted.
func (s *Store) consequences(now time.Time, st store.Settlement, attempted []store.Settled, result *store.SettleResult) ([]step, error) {
	var steps []step
	if len(st.Gates) > 0 {
		var g gates
		for _, gate := range st.Gates {
			g.add(now, gate)
		}
		steps = append(steps, g.shut())
	}
	if len(attempted) == 0 {
		return steps, nil
	}
	insert, err := insertAttempts(attempted)
	if err != nil {
		return nil, err
	}
	steps = append(steps, insert)
	if changes := store.FoldHealth(attempted); len(changes) > 0 {
		steps = append(steps, changeHealth(changes, result))
	}
	return append(steps, step{text: `
		INSERT INTO postrider.uncounted (process, batch)
		VALUES ($1, $2)`, args: []any{st.Epoch, sqlstore.EncodeUncounted(attempted)}}), nil
}
