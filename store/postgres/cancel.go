package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Cancel implements store.Canceling. It locks what is in the queue first: what a
// row says then holds until the end. What is not there has ended, or is on its way
// back from there and is looked for again.
func (s *Store) Cancel(ctx context.Context, _ time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	c := cancellation{tenant: tenant, audit: audit, answers: make(map[string]store.Cancellation, len(deliveries))}
	rest := slices.Compact(slices.Sorted(slices.Values(deliveries)))
	for pass := 0; pass < cancelPasses && len(rest) > 0; pass++ {
		if err := s.cancel(ctx, &c, rest); err != nil {
			return nil, fmt.Errorf("cancel: %w", classify(err))
		}
		rest = slices.DeleteFunc(rest, func(id string) bool { _, ok := c.answers[id]; return ok })
	}
	var answers []store.Cancellation
	for _, id := range deliveries {
		if answer, ok := c.answers[id]; ok {
			answers = append(answers, answer)
		}
	}
	return answers, nil
}

// cancelPasses is how often a delivery is looked for: it may have been sent again
// between the two places where it can be.
const cancelPasses = 2

// cancellation is a call of Cancel.
type cancellation struct {
	tenant       string
	answers      map[string]store.Cancellation
	free, leased []string
	// audit are the records that go with it, unless they were written already.
	audit []webhook.AuditRecord
	// lanes are those of the ordered ones that are free.
	lanes []store.Lane
	// unblocked counts those that no longer hold up their keys.
	unblocked int
}

func (c *cancellation) answer(id string, outcome webhook.CancelOutcome, claim int64) {
	c.answers[id] = store.Cancellation{Cancellation: webhook.Cancellation{DeliveryID: id, Outcome: outcome}, Claim: claim}
}

// args names deliveries of the tenant.
func (c *cancellation) args(deliveries []string) []any {
	return []any{slices.Repeat([]string{c.tenant}, len(deliveries)), deliveries}
}

func (s *Store) cancel(ctx context.Context, c *cancellation, deliveries []string) error {
	c.free, c.leased, c.lanes = nil, nil, nil
	args := c.args(deliveries)
	t, err := s.begin(ctx, beginWriting,
		step{lockRows, args, c.scanRow},
		step{endedOf, args, c.scanAs(webhook.CancelEnded)},
		step{unblockRows, args, c.scanAs(webhook.CancelUnblocked)})
	if err != nil {
		return err
	}
	var steps []step
	if len(c.free) > 0 {
		steps = append(steps, cancelRows(c.args(c.free)))
	}
	if len(c.leased) > 0 {
		steps = append(steps, step{text: markRows, args: c.args(c.leased)})
	}
	if len(c.lanes) > 0 {
		steps = append(steps, step{text: reopenLanes, args: laneArgs(sortedLanes(c.lanes))})
	}
	audited := len(c.free)+len(c.leased)+c.unblocked > 0
	if audited && len(c.audit) > 0 {
		steps = append(steps, step{text: insertAudit, args: auditArgs(c.audit)})
	}
	err = t.commit(ctx, steps...)
	if err == nil && audited {
		c.audit = nil
	}
	return err
}

// scanAs answers alike for all deliveries that are read.
func (c *cancellation) scanAs(outcome webhook.CancelOutcome) func(row) error {
	return func(r row) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		if outcome == webhook.CancelUnblocked {
			c.unblocked++
		}
		c.answer(id, outcome, 0)
		return nil
	}
}

func (c *cancellation) scanRow(r row) error {
	var id, batch, endpoint string
	var owner, claim int64
	var marked, ordered bool
	if err := r.Scan(&id, &owner, &claim, &batch, &marked, &endpoint, &ordered); err != nil {
		return err
	}
	switch {
	case batch != "":
		c.answer(id, webhook.CancelBound, 0)
	case owner == 0:
		c.free = append(c.free, id)
		if ordered {
			c.lanes = append(c.lanes, store.Lane{Tenant: c.tenant, Endpoint: endpoint})
		}
		c.answer(id, webhook.CancelDone, 0)
	default:
		if !marked {
			c.leased = append(c.leased, id)
		}
		c.answer(id, webhook.CancelRequested, claim)
	}
	return nil
}

// lockRows locks rows of the queue in the order in which they are given.
const lockRows = `
	SELECT r.delivery, r.owner, r.claims, r.batch, r.marked, r.endpoint, r.ordered
	FROM unnest($1::text[], $2::text[]) c (tenant, delivery)
	CROSS JOIN LATERAL (
		SELECT q.delivery, q.owner, q.claims, coalesce(q.batch, '') AS batch, q.canceled <> 0 AS marked, q.endpoint, q.okey <> '' AS ordered
		FROM postrider.queue q
		WHERE q.tenant = c.tenant
		AND q.delivery = c.delivery
		LIMIT 1
		FOR UPDATE
	) r`

// endedOf returns which of some deliveries have ended.
const endedOf = `
	SELECT r.id
	FROM unnest($1::text[], $2::text[]) c (tenant, delivery)
	CROSS JOIN LATERAL (
		SELECT d.id
		FROM postrider.deliveries d
		WHERE d.tenant = c.tenant
		AND d.id = c.delivery
		LIMIT 1
	) r`

const markRows = lockedRows + `
	UPDATE postrider.queue q
	SET canceled = 1
	FROM locked l
	WHERE q.ctid = l.at`

// cancelRows moves rows that the transaction has locked, and that nobody has, to
// the history. Its arguments name them.
func cancelRows(args []any) step {
	return step{
		text: lockedRows + `, gone AS (
			DELETE FROM postrider.queue q
			USING locked l
			WHERE q.ctid = l.at
			RETURNING q.*
		)
		INSERT INTO postrider.deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, created_at, updated_at,
			seq, prio, okey, batch)
		SELECT tenant, delivery, event, endpoint, $3, $4, attempts, claims, created_at, postrider.now_us(), seq, prio, okey, batch
		FROM gone`,
		args: append(args, string(webhook.DeliveryCanceled), string(webhook.ReasonCanceledByHand)),
	}
}

// endCanceled ends rows that a settle has just freed.
func endCanceled(items []store.Settled) step {
	var c claims
	for _, it := range inOrder(items) {
		c.tenants, c.deliveries = append(c.tenants, it.Tenant), append(c.deliveries, it.Delivery)
	}
	return cancelRows(c.args())
}
