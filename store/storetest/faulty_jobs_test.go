package storetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// redeliversFirst does a step's work in a transaction of its own, and counts after.
type redeliversFirst struct{ store.Store }

func (s *redeliversFirst) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	for _, id := range step.Redeliver {
		if d, err := s.Delivery(ctx, step.Tenant, id); err != nil || d.Status == webhook.DeliveryPending || step.Status != "" && d.Status != step.Status {
			step.Skipped++
		} else if err := s.Redeliver(ctx, now, step.Tenant, id); err == nil {
			step.Done++
		} else {
			step.Skipped++
		}
	}
	step.Redeliver = nil
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

// forgetsCursors carries out a step wherever the job is.
type forgetsCursors struct{ store.Store }

func (s *forgetsCursors) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	if j, err := s.Job(ctx, step.Tenant, step.ID); err == nil {
		step.Was = j.Cursor
	}
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

// anyWorker lets everybody work on a job.
type anyWorker struct{ store.Store }

func (s *anyWorker) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	err := s.Store.AdvanceJob(ctx, now, epoch, step)
	for other := int64(1); errors.Is(err, store.ErrLeaseLost) && other < epochs; other++ {
		err = s.Store.AdvanceJob(ctx, now, other, step)
	}
	return err
}

// turnsBack lists deliveries newest first, whatever is asked.
type turnsBack struct{ store.Store }

func (s *turnsBack) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	page.Oldest = false
	return s.Store.ListDeliveries(ctx, tenant, filter, page)
}
