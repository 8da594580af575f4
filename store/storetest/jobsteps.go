package storetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func jobAdvanceNeedsLease(w *world) {
	j := w.createJob()
	epoch := w.acquire()
	w.wantRefused("before LeaseJobs", epoch, step(j, "", "x"))
	for _, nobody := range []int64{0, -1} {
		w.wantRefused("by nobody", nobody, step(j, "", "x"))
	}
	unknown := j
	unknown.ID = w.id(webhook.PrefixJob)
	w.leaseJobs(w.store, epoch)
	w.wantRefused("of an unknown job", epoch, step(unknown, "", "x"))
	if got := w.readJob(j); got.Cursor != "" {
		w.t.Errorf("cursor after refused steps = %q; want none", got.Cursor)
	}
}

func jobAdvanceNeedsCursor(w *world) {
	j, epoch := w.workedOn()
	w.advanceJob(epoch, step(j, "", "a"))
	w.wantRefused("that was done already", epoch, step(j, "", "a"))
	w.wantRefused("from where the job is not", epoch, step(j, "b", "c"))
	w.advanceJob(epoch, step(j, "a", "b"))
}

func jobAdvanceOnce(w *world) {
	j, epoch := w.workedOn()
	s := step(j, "", "a")
	s.Done = 1
	var done atomic.Int64
	concurrently(w.t, 8, func(int) error {
		err := w.store.AdvanceJob(w.ctx, w.now, epoch, s)
		if err == nil {
			done.Add(1)
		} else if errors.Is(err, store.ErrLeaseLost) {
			err = nil
		}
		return err
	})
	if got := w.readJob(j); done.Load() != 1 || got.Done != 1 {
		w.t.Errorf("one step by 8 callers at once succeeded %d times and was counted %d times; want once", done.Load(), got.Done)
	}
}

func jobRefusedWritesNothing(w *world) {
	j := w.createJob()
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.failed(c))
	w.leaseJobs(w.store, epoch)
	s := step(j, "elsewhere", "x")
	s.Redeliver, s.Done = []string{c.Delivery}, 5
	w.wantRefused("from where the job is not", epoch, s)
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryFailed {
		w.t.Errorf("delivery of a step that was refused = %s; want failed: it would be sent by each who tries", d.Status)
	}
	if got := w.readJob(j); got.Done != 0 || got.Cursor != "" {
		w.t.Errorf("job after a refused step = %+v; want nothing counted", got)
	}
}

// ended returns deliveries of acme that have failed, and lost their rows.
func (w *world) ended(epoch int64, n int) (ids []string) {
	w.t.Helper()
	ep := w.endpoint(acme)
	ids = w.waiting(acme, ep.ID, n)
	for _, c := range w.poll(epoch) {
		w.accepted(epoch, w.failed(c))
	}
	return ids
}

func jobRedelivers(w *world) {
	j := w.createJob()
	epoch := w.acquire()
	ids := w.ended(epoch, 5)
	w.leaseJobs(w.store, epoch)
	w.advance(time.Hour)
	s := step(j, "", ids[2])
	s.Redeliver, s.Status = ids[:3], webhook.DeliveryFailed
	w.advanceJob(epoch, s)
	for i, id := range ids {
		d := w.delivery(acme, id)
		if i < 3 && (d.Status != webhook.DeliveryPending || d.Reason != "" || !d.NextAttemptAt.Equal(w.now) || d.Attempts != 1) {
			w.t.Errorf("delivery that was redelivered = %+v; want pending, due now, with its attempt", d)
		}
		if i >= 3 && d.Status != webhook.DeliveryFailed {
			w.t.Errorf("delivery that was not in the step = %s; want failed", d.Status)
		}
	}
	if got := w.readJob(j); got.Done != 3 || got.Skipped != 0 {
		w.t.Errorf("job after a step of 3 = %+v; want 3 done", got)
	}
	var polled []string
	for _, c := range w.poll(epoch) {
		polled = append(polled, c.Delivery)
		if c.Base != 1 || c.Attempts != 1 || c.Crashes != 0 {
			w.t.Errorf("Poll after AdvanceJob = %+v; want a fresh schedule", c)
		}
	}
	if slices.Sort(polled); !slices.Equal(polled, ids[:3]) {
		w.t.Errorf("Poll after AdvanceJob = %v; want %v", polled, ids[:3])
	}
}

func jobSkips(w *world) {
	j := w.createJob()
	epoch := w.acquire()
	old := w.ended(epoch, 1)[0]
	w.expire(retention.Payloads)
	w.pruneAll()
	if !w.h.Exclusive {
		epoch = w.acquire()
	}
	w.must(w.store.Renew(w.ctx, w.now, epoch, leaseLength), "Renew")
	failed := w.ended(epoch, 1)[0]
	c := w.job(epoch)
	w.accepted(epoch, w.delivered(c))
	pending := w.waiting(acme, c.Endpoint, 1)[0]
	w.leaseJobs(w.store, epoch)
	s := step(j, "", "x")
	s.Redeliver = []string{old, failed, c.Delivery, pending, w.id(webhook.PrefixDelivery)}
	s.Status = webhook.DeliveryFailed
	w.advanceJob(epoch, s)
	if got := w.readJob(j); got.Done != 1 || got.Skipped != 4 {
		w.t.Errorf("job after a step with a failed, a delivered, a pending, an unknown delivery and one without a payload = %+v; want 1 done and 4 skipped", got)
	}
	for id, want := range map[string]webhook.DeliveryStatus{
		failed: webhook.DeliveryPending, c.Delivery: webhook.DeliveryDelivered, pending: webhook.DeliveryPending, old: webhook.DeliveryFailed,
	} {
		if d := w.delivery(acme, id); d.Status != want {
			w.t.Errorf("delivery %s = %s after a step for failed ones; want %s", id, d.Status, want)
		}
	}
	if n := len(w.poll(epoch)); n != 2 {
		w.t.Errorf("Poll = %d jobs; want 2, the redelivered and the pending one once each", n)
	}
	s = step(j, "x", "y")
	s.Redeliver = []string{c.Delivery}
	w.advanceJob(epoch, s)
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending {
		w.t.Errorf("delivered delivery after a step for any status = %s; want pending", d.Status)
	}
}

// jobLowPriority parks what was redelivered and what was published since, and gives
// the lane one turn.
func jobLowPriority(w *world) {
	j := w.createJob()
	epoch := w.acquire()
	old := w.job(epoch)
	w.accepted(epoch, w.failed(old))
	w.leaseJobs(w.store, epoch)
	s := step(j, "", "x")
	s.Redeliver = []string{old.Delivery}
	w.advanceJob(epoch, s)
	fresh := w.waiting(acme, old.Endpoint, 1)[0]
	w.park(epoch, never)
	if got := w.take(epoch, acme, old.Endpoint, 1, w.now); len(got) != 1 || got[0].Delivery != fresh {
		w.t.Errorf("Take of one after a redelivery by a job = %+v; want the new delivery first: a thousand old ones would hold it up", got)
	}
	if d := w.delivery(acme, old.Delivery); d.Priority != webhook.PriorityLow {
		w.t.Errorf("priority of what a job redelivered = %s; want low", d.Priority)
	}
}
