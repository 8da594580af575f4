package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var leaseCases = []testCase{
	{"EpochsGrow", leaseEpochsGrow},
	{"EpochsGrowAfterReopen", leaseEpochsGrowAfterReopen},
	{"HeldPages", leaseHeldPages},
	{"HeldIsOfOneEpoch", leaseHeldIsOfOneEpoch},
	{"LostReplyIsFoundInHeld", leaseLostReply},
	{"RenewAfterExpiry", leaseRenewAfterExpiry},
	{"RenewOfNoLease", leaseRenewOfNoLease},
	{"ResignLetsRowsWait", leaseResign},
	{"ResignTwice", leaseResignTwice},
	{"StartMarksOwnRowsOnly", leaseStart},
	{"ExclusiveIsHeld", leaseExclusive},
}

func leaseEpochsGrow(w *world) {
	last := w.acquire()
	if last <= 0 {
		w.t.Errorf("Acquire = epoch %d; want more than 0, which says nobody", last)
	}
	for range 3 {
		w.must(w.store.Resign(w.ctx, w.now, last), "Resign")
		epoch := w.acquire()
		if epoch <= last {
			w.t.Errorf("Acquire = epoch %d; want more than %d: a fence of an old process would fit", epoch, last)
		}
		last = epoch
	}
}

func leaseEpochsGrowAfterReopen(w *world) {
	first := w.acquire()
	w.reopen()
	if next := w.acquire(); next <= first {
		w.t.Errorf("Acquire after a crash = epoch %d; want more than %d: a fence of the dead process would fit", next, first)
	}
}

func leaseHeldPages(w *world) {
	ep := w.endpoint(acme)
	want := sorted(w.waiting(acme, ep.ID, 7))
	epoch := w.acquire()
	w.poll(epoch)
	for _, limit := range []int{1, 3, 7, 8} {
		var got []string
		after := ""
		for range many {
			page, err := w.store.Held(w.ctx, epoch, after, limit)
			w.must(err, "Held")
			if len(page) > limit {
				w.t.Fatalf("Held with limit %d = %d rows", limit, len(page))
			}
			for _, h := range page {
				if h.Claim != 1 {
					w.t.Errorf("Held: claim %d of a row claimed once; want 1", h.Claim)
				}
				got = append(got, h.Delivery)
			}
			if len(page) < limit {
				break
			}
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("Held, %d at a time = %v; want %v: a row would be stranded", limit, got, want)
		}
	}
}

func leaseHeldIsOfOneEpoch(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	a, b := w.acquire(), w.acquire()
	first := w.waiting(acme, ep.ID, 1)
	w.poll(a)
	second := w.waiting(acme, ep.ID, 1)
	w.poll(b)
	for epoch, want := range map[int64]string{a: first[0], b: second[0]} {
		if got := w.held(epoch); len(got) != 1 || got[0].Delivery != want {
			w.t.Errorf("Held = %v; want only %s: a process would release another's work", got, want)
		}
	}
}

// leaseLostReply drops the reply of a claim, as a broken connection does, and
// finds the rows again.
func leaseLostReply(w *world) {
	ep := w.endpoint(acme)
	want := sorted(w.waiting(acme, ep.ID, 3))
	epoch := w.acquire()
	_, _, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll) // the reply is lost
	w.must(err, "Poll")
	var release []store.Settled
	var got []string
	for _, h := range w.held(epoch) {
		got = append(got, h.Delivery)
		release = append(release, released(store.Claimed{Tenant: acme, Delivery: h.Delivery, Endpoint: ep.ID, Claim: h.Claim}, w.now))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("Held after a lost reply = %v; want %v: the rows are stranded", got, want)
	}
	w.accepted(epoch, release...)
	if again := sorted(ids(w.poll(epoch))); !slices.Equal(again, want) {
		w.t.Errorf("Poll after releasing what a lost reply left = %v; want %v", again, want)
	}
}

func leaseRenewAfterExpiry(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	epoch := w.acquire()
	claimed := w.pollOne(epoch)
	w.advance(10 * leaseLength)
	if err := w.store.Renew(w.ctx, w.now, epoch, leaseLength); err != nil {
		w.t.Fatalf("Renew of an expired lease that was not reaped: error %v; want none: an outage of the database would cost every lease", err)
	}
	w.accepted(epoch, w.delivered(claimed))
}

func leaseRenewOfNoLease(w *world) {
	epoch := w.acquire()
	if err := w.store.Renew(w.ctx, w.now, epoch+1000, leaseLength); !errors.Is(err, store.ErrLeaseLost) {
		w.t.Errorf("Renew of an epoch that never was: error %v; want ErrLeaseLost", err)
	}
	w.must(w.store.Resign(w.ctx, w.now, epoch), "Resign")
	if err := w.store.Renew(w.ctx, w.now, epoch, leaseLength); !errors.Is(err, store.ErrLeaseLost) {
		w.t.Errorf("Renew after Resign: error %v; want ErrLeaseLost: the lease has ended", err)
	}
}

func leaseResign(w *world) {
	ep := w.endpoint(acme)
	want := w.waiting(acme, ep.ID, 2)
	epoch := w.acquire()
	first := w.pollAll(epoch, 2)
	w.must(w.store.Resign(w.ctx, w.now, epoch), "Resign")
	next := w.acquire()
	claimed := w.poll(next)
	if got := sorted(ids(claimed)); !slices.Equal(got, sorted(want)) {
		w.t.Fatalf("Poll after Resign = %v; want %v: a clean stop would delay its work by a lease", got, want)
	}
	for _, c := range claimed {
		if c.Crashes != 0 {
			w.t.Errorf("Poll after Resign: %d crashes; want 0: a clean stop is no crash", c.Crashes)
		}
	}
	if lost := w.settle(epoch, w.delivered(first[0])); len(lost) != 1 {
		w.t.Errorf("Settle after Resign: %d lost; want 1: the row is another's", len(lost))
	}
}

func leaseResignTwice(w *world) {
	epoch := w.acquire()
	w.must(w.store.Resign(w.ctx, w.now, epoch), "Resign")
	if err := w.store.Resign(w.ctx, w.now, epoch); err != nil {
		w.t.Errorf("Resign of a lease that is gone: error %v; want none", err)
	}
}

func leaseStart(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 3)
	epoch := w.acquire()
	c := w.pollAll(epoch, 3)
	w.accepted(epoch, w.delivered(c[2]))
	rows := []store.Held{
		{Tenant: acme, Delivery: c[0].Delivery, Claim: c[0].Claim},
		{Tenant: acme, Delivery: c[1].Delivery, Claim: c[1].Claim + 1}, // not the fence
		{Tenant: acme, Delivery: c[2].Delivery, Claim: c[2].Claim},     // ended
		{Delivery: "dlv_unknown", Claim: 1},
	}
	got, err := w.store.Start(w.ctx, epoch, rows)
	w.must(err, "Start")
	if !slices.Equal(got, rows[:1]) {
		w.t.Errorf("Start = %v; want %v: a process would send what is not its own", got, rows[:1])
	}
	if got, err := w.store.Start(w.ctx, epoch+1000, rows); err != nil || len(got) != 0 {
		w.t.Errorf("Start under another epoch = %v, error %v; want none, no error", got, err)
	}
	if got, err := w.store.Start(w.ctx, epoch, rows); err != nil || !slices.Equal(got, rows[:1]) {
		w.t.Errorf("Start repeated = %v, error %v; want %v again", got, err, rows[:1])
	}
	if d := w.delivery(acme, c[0].Delivery); d.Attempts != 0 || d.Status != webhook.DeliveryPending {
		w.t.Errorf("Delivery after Start = %+v; want pending without attempts", d)
	}
}

func leaseExclusive(w *world) {
	if !w.h.Exclusive {
		w.t.Skip("the store allows several delivering processes")
	}
	other := w.second()
	epoch := w.acquire()
	if _, err := other.Acquire(w.ctx, w.now, process, leaseLength); !errors.Is(err, store.ErrLeaseHeld) {
		w.t.Errorf("Acquire in another process = error %v; want ErrLeaseHeld", err)
	}
	w.advance(10 * leaseLength) // an outage is no death: only the lock says who lives
	if _, err := other.Acquire(w.ctx, w.now, process, leaseLength); !errors.Is(err, store.ErrLeaseHeld) {
		w.t.Errorf("Acquire in another process, the first one's lease expired = error %v; want ErrLeaseHeld: it lives", err)
	}
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	if got := w.publishIn(other, p)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish in a process that does not deliver = %+v; want stored", got)
	}
	if got := ids(w.poll(epoch)); !slices.Equal(got, []string{p.Deliveries[0].ID}) {
		w.t.Errorf("Poll of what another process published = %v; want it", got)
	}
	w.must(w.store.Resign(w.ctx, w.now, epoch), "Resign")
	if _, err := other.Acquire(w.ctx, w.now, process, leaseLength); err != nil {
		w.t.Errorf("Acquire after the other process resigned: error %v; want none", err)
	}
}

// concurrently runs f in n goroutines at once and waits for them.
func concurrently(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make(chan error, n)
	start := make(chan struct{})
	for i := range n {
		go func() {
			<-start
			errs <- f(i)
		}()
	}
	close(start)
	for range n {
		if err := <-errs; err != nil {
			t.Errorf("a call among %d at once: error %v; want none", n, err)
		}
	}
}
