package storetest

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// This file is what a delivering process does, in steps that cases are made of.

// acquire begins a lease.
func (w *world) acquire() int64 {
	w.t.Helper()
	epoch, err := w.store.Acquire(w.ctx, w.now, process, leaseLength)
	w.must(err, "Acquire")
	w.epoch = epoch
	return epoch
}

var process = store.Process{Host: "host-1", PID: 4711, Version: "v0.0.0"}

// die lets the present process die with what it holds, and returns the epoch
// of one that may reap: another process that lived all the while, or, if the
// store allows only one, the next one.
func (w *world) die() int64 {
	w.t.Helper()
	if w.h.Exclusive {
		w.reopen()
		return w.acquire()
	}
	survivor := w.acquire()
	for range 2 {
		w.advance(leaseLength/2 + time.Second)
		w.must(w.store.Renew(w.ctx, w.now, survivor, leaseLength), "Renew")
	}
	return survivor
}

// reap reaps for an epoch and returns how many rows wait again.
func (w *world) reap(epoch int64) int {
	w.t.Helper()
	n, err := w.store.Reap(w.ctx, w.now, epoch, leaseLength, many)
	w.must(err, "Reap")
	return n
}

func leaseAll(store.Waiting) store.Admission { return store.Admission{Lease: true} }

// poll leases everything that is due.
func (w *world) poll(epoch int64) []store.Claimed {
	w.t.Helper()
	claimed, _, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
	w.must(err, "Poll")
	return claimed
}

// pollOne leases everything that is due and ends the case unless it is one row.
func (w *world) pollOne(epoch int64) store.Claimed {
	w.t.Helper()
	return w.pollAll(epoch, 1)[0]
}

// pollAll leases everything that is due and ends the case unless it is n rows.
func (w *world) pollAll(epoch int64, n int) []store.Claimed {
	w.t.Helper()
	claimed := w.poll(epoch)
	if len(claimed) != n {
		w.t.Fatalf("Poll = %d jobs; want %d, which are due", len(claimed), n)
	}
	return claimed
}

// park parks everything that is due behind a gate and returns Poll's next time.
func (w *world) park(epoch int64, gate func(store.Waiting) store.Gate) time.Time {
	w.t.Helper()
	claimed, next, err := w.store.Poll(w.ctx, w.now, epoch, many, func(row store.Waiting) store.Admission {
		return store.Admission{Gate: gate(row)}
	})
	w.must(err, "Poll")
	if len(claimed) != 0 {
		w.t.Fatalf("Poll that admits nothing = %d jobs; want 0: a shut lane was claimed from", len(claimed))
	}
	return next
}

// until returns gates at a fixed time that rest on no configuration.
func until(next time.Time) func(store.Waiting) store.Gate {
	return func(row store.Waiting) store.Gate {
		return store.Gate{Tenant: row.Tenant, Endpoint: row.Endpoint, Next: next}
	}
}

// never is the gate that only a change of the endpoint opens.
var never = until(time.Time{})

// take leases up to limit parked rows of one lane, whose gate is next.
func (w *world) take(epoch int64, tenant, endpoint string, limit int, next time.Time) []store.Claimed {
	w.t.Helper()
	return w.turn(epoch, store.Turn{
		Max:  limit,
		Gate: store.Gate{Tenant: tenant, Endpoint: endpoint, Next: next},
	})
}

// turn gives one lane a turn, due or not.
func (w *world) turn(epoch int64, t store.Turn) []store.Claimed {
	w.t.Helper()
	lane := store.Lane{Tenant: t.Gate.Tenant, Endpoint: t.Gate.Endpoint}
	claimed, err := w.store.Take(w.ctx, w.now, epoch, 0, []store.Lane{lane}, func(store.Lane) store.Turn { return t })
	w.must(err, "Take")
	return claimed
}

// dueLanes returns the lanes whose time has come, as Take asks about them. Each
// gets a turn without room, after which it is due at once again, unless it is
// empty.
func (w *world) dueLanes(limit int) []store.Lane {
	w.t.Helper()
	var lanes []store.Lane
	claimed, err := w.store.Take(w.ctx, w.now, w.epoch, limit, nil, func(l store.Lane) store.Turn {
		lanes = append(lanes, l)
		return store.Turn{Gate: store.Gate{Tenant: l.Tenant, Endpoint: l.Endpoint, Next: w.now}}
	})
	w.must(err, "Take")
	if len(claimed) != 0 {
		w.t.Fatalf("Take of at most 0 = %d jobs; want 0: a lane without room would overflow", len(claimed))
	}
	return lanes
}

// due reports whether an endpoint's lane is due.
func (w *world) due(tenant, endpoint string) bool {
	w.t.Helper()
	return slices.Contains(w.dueLanes(many), store.Lane{Tenant: tenant, Endpoint: endpoint})
}

// outcome is a claim's end with one attempt.
func (w *world) outcome(c store.Claimed, status webhook.DeliveryStatus) store.Settled {
	a := &webhook.Attempt{
		ID: w.id(webhook.PrefixAttempt), Tenant: c.Tenant, DeliveryID: c.Delivery,
		N: c.Attempts + 1, At: w.now, StatusCode: 204,
		Timings: webhook.Timings{FirstByte: 20 * time.Millisecond, Total: 30 * time.Millisecond},
	}
	s := store.Settled{
		Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "invoice.paid",
		Claim: c.Claim, Attempt: a, Status: status,
	}
	if status != webhook.DeliveryDelivered {
		a.StatusCode, a.Class = 503, webhook.ClassHTTPStatus
	}
	return s
}

func (w *world) delivered(c store.Claimed) store.Settled {
	return w.outcome(c, webhook.DeliveryDelivered)
}

func (w *world) failed(c store.Claimed) store.Settled {
	s := w.outcome(c, webhook.DeliveryFailed)
	s.Reason = webhook.ReasonAttemptsUsedUp
	return s
}

// retried is a failed attempt that is repeated at due.
func (w *world) retried(c store.Claimed, due time.Time) store.Settled {
	s := w.outcome(c, webhook.DeliveryPending)
	s.Due, s.Attempt.NextAt = due, due
	return s
}

// released gives a claim back without an attempt.
func released(c store.Claimed, due time.Time) store.Settled {
	return store.Settled{
		Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "invoice.paid",
		Claim: c.Claim, Status: webhook.DeliveryPending, Due: due,
	}
}

// settle writes outcomes and returns those that were lost.
func (w *world) settle(epoch int64, items ...store.Settled) []store.Held {
	w.t.Helper()
	return w.settleAll(store.Settlement{Epoch: epoch, Items: items}).Lost
}

func (w *world) settleAll(s store.Settlement) store.SettleResult {
	w.t.Helper()
	result, err := w.store.Settle(w.ctx, w.now, s)
	w.must(err, "Settle")
	return result
}

// accepted settles and ends the case if anything was lost.
func (w *world) accepted(epoch int64, items ...store.Settled) {
	w.t.Helper()
	if lost := w.settle(epoch, items...); len(lost) != 0 {
		w.t.Fatalf("Settle under the present fence: %d lost; want 0: outcomes would be thrown away", len(lost))
	}
}

// delivery reads a delivery that must exist.
func (w *world) delivery(tenant, id string) webhook.Delivery {
	w.t.Helper()
	d, err := w.store.Delivery(w.ctx, tenant, id)
	w.must(err, "Delivery")
	return d
}

// attempts reads the attempts of a delivery.
func (w *world) attempts(tenant, id string) []webhook.Attempt {
	w.t.Helper()
	attempts, err := w.store.Attempts(w.ctx, tenant, id)
	w.must(err, "Attempts")
	return attempts
}

// held reads all that is leased to an epoch.
func (w *world) held(epoch int64) []store.Held {
	w.t.Helper()
	held, err := w.store.Held(w.ctx, epoch, "", many)
	w.must(err, "Held")
	return held
}

// ids returns the deliveries of claims, in their order.
func ids(claimed []store.Claimed) []string {
	var out []string
	for _, c := range claimed {
		out = append(out, c.Delivery)
	}
	return out
}

// fence is the fence of a claim, under its epoch.
func fence(c store.Claimed) store.Held {
	return store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim}
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
