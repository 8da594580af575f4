package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Cancel implements store.Canceling.
func (s *Store) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	var answers []store.Cancellation
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		answers = nil
		changed := false
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		owners, err := rowOwners(ctx, c)
		if err != nil {
			return err
		}
		for _, id := range deliveries {
			answer := store.Cancellation{Cancellation: webhook.Cancellation{DeliveryID: id}}
			var did bool
			answer.Outcome, answer.Claim, did, err = cancel(ctx, c, now, owners, tenant, id)
			if err != nil {
				return err
			}
			changed = changed || did
			if answer.Outcome != "" {
				answers = append(answers, answer)
			}
		}
		if !changed {
			return nil
		}
		return WriteAudit(ctx, c, now, audit)
	})
	if err != nil {
		return nil, wrap("cancel", err)
	}
	return answers, nil
}

// cancel returns no outcome for a delivery that the tenant does not have. It reports
// whether it changed anything.
func cancel(ctx context.Context, c Conn, now time.Time, owners []int64, tenant, delivery string) (_ webhook.CancelOutcome, claim int64, changed bool, err error) {
	var status, okey string
	lane := store.Lane{Tenant: tenant}
	found, err := queryOne(ctx, c, `
		SELECT status, endpoint, okey
		FROM postrider_deliveries
		WHERE tenant = ?
		AND id = ?`, []any{tenant, delivery}, &status, &lane.Endpoint, &okey)
	switch {
	case err != nil || !found:
		return "", 0, false, err
	case status != string(webhook.DeliveryPending):
		if unblocked, err := unblock(ctx, c, now.UnixMicro(), lane, delivery); err != nil || unblocked {
			return webhook.CancelUnblocked, 0, unblocked, err
		}
		return webhook.CancelEnded, 0, false, nil
	}
	for _, owner := range owners {
		var marked bool
		var batch string
		found, err := queryOne(ctx, c, `
			SELECT claims, batch, canceled
			FROM postrider_queue
			WHERE owner = ?
			AND delivery = ?`, []any{owner, delivery}, &claim, &batch, &marked)
		switch {
		case err != nil:
			return "", 0, false, err
		case !found:
		case batch != "":
			return webhook.CancelBound, 0, false, nil
		case owner == 0:
			err := cancelFree(ctx, c, now, tenant, delivery)
			if err == nil && okey != "" { // what comes after it may go
				err = reopen(ctx, c, now.UnixMicro(), lane)
			}
			return webhook.CancelDone, 0, true, err
		case marked:
			return webhook.CancelRequested, claim, false, nil
		default:
			_, err := c.Exec(ctx, `
				UPDATE postrider_queue
				SET canceled = 1
				WHERE owner = ?
				AND delivery = ?`, owner, delivery)
			return webhook.CancelRequested, claim, true, err
		}
	}
	return "", 0, false, nil
}

// cancelFree ends a delivery that nobody has.
func cancelFree(ctx context.Context, c Conn, now time.Time, tenant, delivery string) error {
	if _, err := c.Exec(ctx, `
		DELETE FROM postrider_queue
		WHERE owner = 0
		AND delivery = ?`, delivery); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET status = ?, reason = ?, next_at = NULL, updated_at = ?
		WHERE tenant = ?
		AND id = ?`, string(webhook.DeliveryCanceled), string(webhook.ReasonCanceledByHand), now.UnixMicro(), tenant, delivery)
	return err
}

// rowOwners returns all owners that rows have, 0 first: there are few.
func rowOwners(ctx context.Context, c Conn) ([]int64, error) {
	owners := []int64{0}
	for owner := int64(math.MaxInt64); ; {
		var next int64
		if _, err := queryOne(ctx, c, `
			SELECT owner
			FROM postrider_queue
			WHERE owner < ?
			AND owner > 0
			AND owner <> 0
			ORDER BY owner DESC, delivery DESC
			LIMIT 1`, []any{owner}, &next); err != nil || next == 0 {
			return owners, err
		}
		owners = append(owners, next)
		owner = next
	}
}
