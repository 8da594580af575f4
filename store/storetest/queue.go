package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var pollCases = []testCase{
	{"OrderIsByDue", pollOrderIsByDue},
	{"NotBeforeDue", pollNotBeforeDue},
	{"LimitAndNext", pollLimitAndNext},
	{"NextIsTheEarliest", pollNextIsTheEarliest},
	{"IdleIsNoError", pollIdle},
	{"AdmitIsAskedOnceInOrder", pollAdmitIsAskedOnce},
	{"LeasedIsNotPolledAgain", pollLeasedIsNotPolledAgain},
	{"ClaimedIsWhole", pollClaimedIsWhole},
	{"ParkedIsNotPolledAgain", pollParkedIsNotPolledAgain},
	{"LeasesSomeAndParksSome", pollLeasesSomeAndParksSome},
	{"CanceledLeasesNothing", pollCanceled},
	{"ProcessesNeverShareARow", pollProcessesNeverShareARow},
	{"IsDurable", pollIsDurable},
}

// pollOrderIsByDue makes rows fall due in another order than they were
// published in.
func pollOrderIsByDue(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 4)
	epoch := w.acquire()
	waits := map[string]time.Duration{d[0]: 3 * time.Minute, d[1]: time.Minute, d[2]: 4 * time.Minute, d[3]: 2 * time.Minute}
	var items []store.Settled
	for _, c := range w.poll(epoch) {
		items = append(items, w.retried(c, w.now.Add(waits[c.Delivery])))
	}
	w.accepted(epoch, items...)
	w.advance(2*time.Minute + time.Second)
	late := w.waiting(acme, ep.ID, 1)[0]
	w.advance(time.Hour)
	if got, want := ids(w.poll(epoch)), []string{d[1], d[3], late, d[0], d[2]}; !slices.Equal(got, want) {
		w.t.Errorf("Poll = %v; want %v, longest due first: what is late would get later", got, want)
	}
}

func pollNotBeforeDue(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	epoch := w.acquire()
	w.accepted(epoch, w.retried(w.pollOne(epoch), w.now.Add(time.Minute)))
	w.advance(time.Minute - time.Millisecond)
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll a millisecond before a retry is due = %d jobs; want 0: the endpoint asked for more time", n)
	}
	w.advance(time.Millisecond)
	if n := len(w.poll(epoch)); n != 1 {
		w.t.Errorf("Poll when a retry is due = %d jobs; want 1", n)
	}
}

func pollLimitAndNext(w *world) {
	ep := w.endpoint(acme)
	want := sorted(w.waiting(acme, ep.ID, 5))
	w.advance(time.Second)
	epoch := w.acquire()
	var got []string
	for i := range 3 {
		claimed, next, err := w.store.Poll(w.ctx, w.now, epoch, 2, leaseAll)
		w.must(err, "Poll")
		if len(claimed) > 2 {
			w.t.Errorf("Poll with limit 2 = %d jobs", len(claimed))
		}
		got = append(got, ids(claimed)...)
		if more := !next.IsZero() && !next.After(w.now); more != (i < 2) {
			w.t.Errorf("Poll %d of five rows, two at a time: next %v; want a time that has passed: %v, for more is due", i+1, next, i < 2)
		}
	}
	if !slices.Equal(sorted(got), want) {
		w.t.Errorf("Poll, two at a time = %v; want each of %v once", got, want)
	}
}

func pollNextIsTheEarliest(w *world) {
	a, b := w.endpoint(acme), w.endpoint(globex)
	w.waiting(acme, a.ID, 2)
	epoch := w.acquire()
	c := w.pollAll(epoch, 2)
	near, far := w.now.Add(time.Minute), w.now.Add(time.Hour)
	w.accepted(epoch, w.retried(c[0], far), w.retried(c[1], near))
	next := func() time.Time {
		w.t.Helper()
		_, next, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
		w.must(err, "Poll")
		return next
	}
	if got := next(); !got.Equal(near) {
		w.t.Errorf("Poll: next %v; want %v, the earliest row: the engine would sleep through it", got, near)
	}
	gate := w.now.Add(10 * time.Second)
	w.waiting(globex, b.ID, 1)
	if got := w.park(epoch, until(gate)); !got.Equal(gate) {
		w.t.Errorf("Poll that parks until %v: next %v; want the lane's time, which comes before any row", gate, got)
	}
	if got := next(); !got.Equal(gate) {
		w.t.Errorf("Poll with a lane at %v: next %v; want the lane's time", gate, got)
	}
}

func pollIdle(w *world) {
	epoch := w.acquire()
	w.endpoint(acme)
	claimed, next, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
	if err != nil || len(claimed) != 0 || !next.IsZero() {
		w.t.Errorf("Poll of an empty queue = %d jobs, next %v, error %v; want none, the zero time, none: an idle process would spin", len(claimed), next, err)
	}
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	w.pollOne(epoch)
	if _, next, err = w.store.Poll(w.ctx, w.now, epoch, many, leaseAll); err != nil || !next.IsZero() {
		w.t.Errorf("Poll when all is leased: next %v, error %v; want the zero time: nothing falls due", next, err)
	}
}

func pollAdmitIsAskedOnce(w *world) {
	a, b := w.endpoint(acme), w.endpoint(globex)
	var want []store.Waiting
	for i := range 6 {
		tenant, ep := acme, a.ID
		if i%2 == 1 {
			tenant, ep = globex, b.ID
		}
		want = append(want, store.Waiting{Tenant: tenant, Endpoint: ep, Delivery: w.waiting(tenant, ep, 1)[0], Priority: webhook.PriorityNormal})
		w.advance(time.Second)
	}
	epoch := w.acquire()
	var asked []store.Waiting
	claimed, _, err := w.store.Poll(w.ctx, w.now, epoch, 4, func(row store.Waiting) store.Admission {
		asked = append(asked, row)
		return store.Admission{Lease: true}
	})
	w.must(err, "Poll")
	if !slices.Equal(asked, want[:4]) {
		w.t.Errorf("Poll with limit 4 asked to admit %v; want %v, each once, longest due first: lanes would count a row twice", asked, want[:4])
	}
	for i, c := range claimed {
		if c.Delivery != want[i].Delivery {
			w.t.Errorf("Poll: job %d = %s; want %s, in the order of admission", i, c.Delivery, want[i].Delivery)
		}
	}
}

func pollLeasedIsNotPolledAgain(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 3)
	epoch := w.acquire()
	w.poll(epoch)
	w.advance(leaseLength / 2)
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll within the lease = %d jobs; want 0: two workers would send the same delivery", n)
	}
	w.advance(10 * leaseLength)
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll after the lease, nothing reaped = %d jobs; want 0: only Reap takes rows away", n)
	}
}

func pollClaimedIsWhole(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	w.stored(p)
	epoch := w.acquire()
	want := store.Claimed{Tenant: acme, Delivery: p.Deliveries[0].ID, Endpoint: ep.ID, Event: p.Event.ID, Claim: 1, Priority: webhook.PriorityNormal}
	first := w.pollOne(epoch)
	want.Seq = first.Seq // it is for comparisons, and stays
	if first != want {
		w.t.Errorf("Poll = %+v; want %+v", first, want)
	}
	for attempt := 1; attempt <= 3; attempt++ {
		w.accepted(epoch, w.retried(want, w.now))
		got := w.pollOne(epoch)
		if got.Claim <= want.Claim {
			w.t.Errorf("Poll after %d attempts: claim %d; want more than %d: an old settle would fit", attempt, got.Claim, want.Claim)
		}
		want.Claim, want.Attempts = got.Claim, attempt
		if got != want {
			w.t.Errorf("Poll after %d attempts = %+v; want %+v: the retry schedule would be wrong", attempt, got, want)
		}
	}
}

func pollParkedIsNotPolledAgain(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 3)
	epoch := w.acquire()
	gate := w.now.Add(time.Minute)
	w.park(epoch, until(gate))
	asked := 0
	count := func(store.Waiting) store.Admission { asked++; return store.Admission{Lease: true} }
	for _, at := range []time.Duration{0, 30 * time.Second, time.Hour} {
		w.now = gate.Add(at - time.Minute)
		claimed, _, err := w.store.Poll(w.ctx, w.now, epoch, many, count)
		w.must(err, "Poll")
		if asked != 0 || len(claimed) != 0 {
			w.t.Fatalf("Poll of parked rows asked about %d; want 0: a dead endpoint's backlog would be scanned for ever", asked)
		}
		if got := w.due(acme, ep.ID); got != (at >= time.Minute) {
			w.t.Errorf("Take %v before the gate: lane is due = %v", time.Minute-at, got)
		}
	}
	if got := w.take(epoch, acme, ep.ID, 10, time.Time{}); len(got) != 3 || got[0].Claim != 1 {
		w.t.Errorf("Take of parked rows = %+v; want 3 at claim 1", got)
	}
}

func pollLeasesSomeAndParksSome(w *world) {
	open, shut := w.endpoint(acme), w.endpoint(acme)
	var want []string
	for range 3 {
		want = append(want, w.waiting(acme, open.ID, 1)...)
		w.waiting(acme, shut.ID, 1)
		w.advance(time.Second)
	}
	epoch := w.acquire()
	claimed, _, err := w.store.Poll(w.ctx, w.now, epoch, many, func(row store.Waiting) store.Admission {
		if row.Endpoint == open.ID {
			return store.Admission{Lease: true}
		}
		return store.Admission{Gate: store.Gate{Tenant: row.Tenant, Endpoint: row.Endpoint, Next: w.now}}
	})
	w.must(err, "Poll")
	if got := ids(claimed); !slices.Equal(got, want) {
		w.t.Errorf("Poll past a shut lane = %v; want %v: one bad endpoint would stop the others", got, want)
	}
	if w.due(acme, open.ID) || !w.due(acme, shut.ID) {
		w.t.Errorf("Take: want only the lane due that has parked rows and whose time has come")
	}
	if n := len(w.take(epoch, acme, shut.ID, 10, time.Time{})); n != 3 {
		w.t.Errorf("Take of the shut lane = %d jobs; want 3", n)
	}
}

func pollCanceled(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	epoch := w.acquire()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if claimed, _, err := w.store.Poll(ctx, w.now, epoch, many, leaseAll); err == nil {
		w.t.Errorf("Poll with a canceled context = %d jobs, no error; want an error", len(claimed))
	}
	if n := len(w.held(epoch)); n != 0 {
		w.t.Errorf("Held after a canceled Poll = %d rows; want 0: rows were leased that nobody knows of", n)
	}
	if n := len(w.poll(epoch)); n != 2 {
		w.t.Errorf("Poll after a canceled one = %d jobs; want 2", n)
	}
}

// pollProcessesNeverShareARow lets goroutines of two processes poll and take
// while rows are published.
func pollProcessesNeverShareARow(w *world) {
	stores, epochs := []store.Store{w.store}, []int64{w.acquire()}
	if w.h.Second != nil && !w.h.Exclusive {
		other := w.h.Second(w.t)
		epoch, err := other.Acquire(w.ctx, w.now, process, leaseLength)
		w.must(err, "Acquire in another process")
		stores, epochs = append(stores, other), append(epochs, epoch)
	}
	ep := w.endpoint(acme)
	const rows = 120
	w.waiting(acme, ep.ID, rows/2)
	w.park(epochs[0], until(w.now))
	w.waiting(acme, ep.ID, rows/2)

	var mu sync.Mutex
	claims := map[string]int{}
	concurrently(w.t, 6, func(i int) error {
		st, epoch := stores[i%len(stores)], epochs[i%len(stores)]
		for range rows {
			claimed, _, err := st.Poll(w.ctx, w.now, epoch, 3, leaseAll)
			if err != nil {
				return fmt.Errorf("poll: %w", err)
			}
			taken, err := st.Take(w.ctx, w.now, epoch, 10, nil, func(l store.Lane) store.Turn {
				return store.Turn{Max: 3, Gate: store.Gate{Tenant: l.Tenant, Endpoint: l.Endpoint, Next: w.now}}
			})
			if err != nil {
				return fmt.Errorf("take: %w", err)
			}
			claimed = append(claimed, taken...)
			if len(claimed) == 0 {
				return nil
			}
			mu.Lock()
			for _, c := range claimed {
				claims[c.Delivery]++
			}
			mu.Unlock()
		}
		return nil
	})
	for id, n := range claims {
		if n != 1 {
			w.t.Errorf("Poll and Take at once claimed %s %d times; want once: two workers would send the same delivery", id, n)
		}
	}
	held := 0
	for _, epoch := range epochs {
		held += len(w.held(epoch))
	}
	if len(claims) != rows || held != rows {
		w.t.Errorf("Poll and Take at once = %d rows, %d held; want %d of both: a row was leased and not returned", len(claims), held, rows)
	}
}

func pollIsDurable(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 3)
	epoch := w.acquire()
	c := w.pollAll(epoch, 3)
	due := w.now.Add(time.Minute)
	w.accepted(epoch, w.delivered(c[0]), w.retried(c[1], due))
	w.reopen()
	if held := w.held(epoch); len(held) != 1 || held[0].Delivery != c[2].Delivery {
		w.t.Errorf("Held after a crash = %v; want %s, which was leased", held, c[2].Delivery)
	}
	if got := w.delivery(acme, c[1].Delivery); got.Attempts != 1 || !got.NextAttemptAt.Equal(due) {
		w.t.Errorf("Delivery after a crash = %+v; want one attempt, due %v: the outcome of an attempt is lost", got, due)
	}
	w.wantStats(2, "a crash")
	if n := len(w.attempts(acme, c[0].Delivery)); n != 1 {
		w.t.Errorf("Attempts after a crash = %d; want 1", n)
	}
	w.advance(time.Hour)
	if got := ids(w.poll(w.acquire())); len(got) != 1 || got[0] != c[1].Delivery || len(d) != 3 {
		w.t.Errorf("Poll after a crash = %v; want the retry, %s", got, c[1].Delivery)
	}
}
