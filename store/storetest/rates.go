package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

var rateCases = []testCase{
	{"FirstSlotIsNow", rateFirstSlotIsNow},
	{"NeverOver", rateNeverOver},
	{"NeverOverByManyCallers", rateManyCallers},
	{"SlotsAreApart", rateSlotsAreApart},
	{"ProcessesShare", rateProcessesShare},
	{"NamesAreSeparate", rateNamesAreSeparate},
	{"Burst", rateBurst},
	{"AheadBounds", rateAheadBounds},
	{"NothingToGive", rateNothingToGive},
	{"IntervalMayChange", rateIntervalMayChange},
	{"AsComputed", rateAsComputed},
	{"TwiceIsAnError", rateTwice},
	{"OfNothing", rateOfNothing},
	{"ManyNames", rateManyNames},
	{"OrdersOfNamesDoNotMatter", rateOrders},
	{"CanceledGivesNothing", rateCanceled},
}

// perSecond asks for slots of a rate, so many intervals ahead.
func perSecond(name string, rate, want int) store.RateRequest {
	interval := time.Second / time.Duration(rate)
	return store.RateRequest{Tenant: acme, Name: name, Interval: interval, Ahead: 5 * interval, Want: want}
}

// reserve reserves slots at the present time.
func (w *world) reserve(reqs ...store.RateRequest) []store.RateGrant {
	w.t.Helper()
	return w.reserveIn(w.store, reqs...)
}

func (w *world) reserveIn(st store.Store, reqs ...store.RateRequest) []store.RateGrant {
	w.t.Helper()
	grants, err := st.ReserveRates(w.ctx, w.now, reqs)
	w.must(err, "ReserveRates")
	if len(grants) != len(reqs) {
		w.t.Fatalf("ReserveRates of %d requests = %d grants; want one for each, in their order", len(reqs), len(grants))
	}
	return grants
}

// slots returns the times of the slots of a grant.
func slots(r store.RateRequest, g store.RateGrant) []time.Time {
	var at []time.Time
	for i := range g.N {
		at = append(at, g.First.Add(time.Duration(i)*r.Step()))
	}
	return at
}

// wantApart checks that slots, in any order, are an interval apart.
func (w *world) wantApart(at []time.Time, interval time.Duration) {
	w.t.Helper()
	at = slices.SortedFunc(slices.Values(at), time.Time.Compare)
	for i := 1; i < len(at); i++ {
		if apart := at[i].Sub(at[i-1]); apart < interval {
			w.t.Errorf("ReserveRates: slots %d and %d are %v apart; want %v at least: the rate would be exceeded", i-1, i, apart, interval)
		}
	}
}

func rateFirstSlotIsNow(w *world) {
	if g := w.reserve(perSecond("a", 50, 1))[0]; g.N != 1 || !g.First.Equal(w.now) {
		w.t.Errorf("ReserveRates of a name that is new = %+v; want 1 slot now, %v", g, w.now)
	}
}

func rateNeverOver(w *world) {
	given := 0
	for range 500 { // ten seconds
		given += w.reserve(perSecond("a", 50, 50))[0].N
		w.advance(20 * time.Millisecond)
	}
	if given < 500 || given > 506 {
		w.t.Errorf("ReserveRates of 50/s for 10 s gave %d slots; want 500, and 6 that are ahead", given)
	}
}

func rateManyCallers(w *world) {
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	r := perSecond("a", 10, 3)
	r.Ahead = 10 * time.Second
	var mu sync.Mutex
	var all []time.Time
	concurrently(w.t, 16, func(i int) error {
		g, err := stores[i%len(stores)].ReserveRates(w.ctx, w.now, []store.RateRequest{r})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			all = append(all, slots(r, g[0])...)
		}
		return err
	})
	if len(all) != 48 {
		w.t.Errorf("ReserveRates of 3 by 16 callers gave %d slots; want 48", len(all))
	}
	w.wantApart(all, r.Interval)
}

func rateSlotsAreApart(w *world) {
	r := perSecond("a", 50, 2)
	var all []time.Time
	for range 3 {
		all = append(all, slots(r, w.reserve(r)[0])...)
	}
	if len(all) != 6 {
		w.t.Errorf("ReserveRates of 2, 2 and 2 = %d slots; want 6: all are within what may be ahead", len(all))
	}
	w.wantApart(all, r.Interval)
}

func rateProcessesShare(w *world) {
	other := w.second()
	r := perSecond("a", 50, 2)
	var all []time.Time
	for range 2 {
		all = append(all, slots(r, w.reserve(r)[0])...)
		all = append(all, slots(r, w.reserveIn(other, r)[0])...)
	}
	if len(all) != 6 {
		w.t.Errorf("ReserveRates by two processes = %d slots; want 6 in all", len(all))
	}
	w.wantApart(all, r.Interval)
}

func rateNamesAreSeparate(w *world) {
	of := func(tenant, name string) store.RateRequest {
		r := perSecond(name, 1, 1)
		r.Tenant, r.Ahead = tenant, 0
		return r
	}
	for i, g := range w.reserve(of(acme, "b"), of(acme, "a"), of(globex, "a"), of(nobody, ""), of(acme, "")) {
		if g.N != 1 {
			w.t.Errorf("ReserveRates: name %d of 5 = %+v; want a slot for each: they are limited apart", i, g)
		}
	}
	if g := w.reserve(of(globex, "a"), of(globex, "b")); g[0].N != 0 || g[1].N != 1 {
		w.t.Errorf("ReserveRates of a name that is used up and one that is not = %+v; want 0 and 1 slots", g)
	}
}

func rateBurst(w *world) {
	r := perSecond("a", 10, 100)
	r.Ahead, r.Slack = 0, 4*r.Interval
	if g := w.reserve(r)[0]; g.N != 5 {
		w.t.Errorf("ReserveRates with slack for 4 intervals = %d slots; want 5 at once", g.N)
	}
	w.advance(r.Interval)
	if g := w.reserve(r)[0]; g.N != 1 {
		w.t.Errorf("ReserveRates one interval after a burst = %d slots; want 1", g.N)
	}
	w.advance(time.Hour)
	if g := w.reserve(r)[0]; g.N != 5 {
		w.t.Errorf("ReserveRates after an hour without any = %d slots; want 5: no more than a burst is saved up", g.N)
	}
}

func rateAheadBounds(w *world) {
	r := perSecond("a", 10, 100)
	r.Ahead = 350 * time.Millisecond
	g := w.reserve(r)[0]
	if g.N != 4 {
		w.t.Errorf("ReserveRates 350 ms ahead at 10/s = %d slots; want 4, the last in 300 ms", g.N)
	}
	if g := w.reserve(r)[0]; g.N != 0 || !g.First.Equal(w.now.Add(400*time.Millisecond)) {
		w.t.Errorf("ReserveRates when all of that is given = %+v; want no slot, and the next at %v", g, w.now.Add(400*time.Millisecond))
	}
	w.advance(49 * time.Millisecond)
	if g := w.reserve(r)[0]; g.N != 0 {
		w.t.Errorf("ReserveRates 1 ms too early for the next = %d slots; want none", g.N)
	}
	w.advance(time.Millisecond)
	if g := w.reserve(r)[0]; g.N != 1 {
		w.t.Errorf("ReserveRates when the next may be given = %d slots; want 1", g.N)
	}
}

func rateNothingToGive(w *world) {
	r := perSecond("a", 10, 0)
	for range 3 {
		if g := w.reserve(r)[0]; g.N != 0 || !g.First.Equal(w.now) {
			w.t.Errorf("ReserveRates of none = %+v; want none, and the next now", g)
		}
	}
	if r.Want = 1; w.reserve(r)[0].N != 1 {
		w.t.Error("ReserveRates after some that wanted none = no slot; want 1: they have taken nothing")
	}
}

func rateIntervalMayChange(w *world) {
	slow, fast := perSecond("a", 1, 1), perSecond("a", 50, 100)
	slow.Ahead, fast.Ahead = 0, 0
	w.reserve(slow)
	if g := w.reserve(fast)[0]; g.N != 0 || !g.First.Equal(w.now.Add(time.Second)) {
		w.t.Errorf("ReserveRates of a faster rate = %+v; want none before the slot that was given is over", g)
	}
	w.advance(time.Second)
	if fast.Ahead = 100 * time.Millisecond; w.reserve(fast)[0].N != 6 {
		w.t.Error("ReserveRates of a faster rate a second later: want 6 slots in 100 ms")
	}
}

// rateAsComputed compares the store with the arithmetic of package store.
func rateAsComputed(w *world) {
	var free time.Time
	seed := uint64(1)
	rnd := func(n uint64) int64 { // Knuth's MMIX generator: the same steps for every store
		seed = seed*6364136223846793005 + 1442695040888963407
		return int64(seed >> 33 % n)
	}
	for i := range 60 {
		r := store.RateRequest{
			Tenant: acme, Name: "a", Interval: time.Duration(rnd(3_000_000) + 1), Slack: time.Duration(rnd(5_000_000)),
			Ahead: time.Duration(rnd(20_000_000)), Want: int(rnd(12)),
		}
		var want store.RateGrant
		want, free = r.Grant(w.now, free)
		if g := w.reserve(r)[0]; g.N != want.N || !g.First.Equal(want.First) {
			w.t.Fatalf("ReserveRates, step %d, of %+v = %+v; want %+v, as store.RateRequest has it", i, r, g, want)
		}
		w.advance(time.Duration(rnd(8_000)) * time.Microsecond)
	}
}

func rateTwice(w *world) {
	r := perSecond("a", 10, 1)
	if g, err := w.store.ReserveRates(w.ctx, w.now, []store.RateRequest{r, perSecond("b", 10, 1), r}); err == nil {
		w.t.Errorf("ReserveRates with one name twice = %+v; want an error", g)
	}
	bad := perSecond("c", 10, 1)
	bad.Interval = 0
	if g, err := w.store.ReserveRates(w.ctx, w.now, []store.RateRequest{bad}); err == nil {
		w.t.Errorf("ReserveRates without an interval = %+v; want an error", g)
	}
	if g := w.reserve(r)[0]; !g.First.Equal(w.now) {
		w.t.Errorf("ReserveRates after an error = %+v; want a slot now: an error gives nothing", g)
	}
}

func rateOfNothing(w *world) {
	if g := w.reserve(); len(g) != 0 {
		w.t.Errorf("ReserveRates of no requests = %+v; want none", g)
	}
}

func rateManyNames(w *world) {
	var reqs []store.RateRequest
	for i := range 300 {
		reqs = append(reqs, perSecond(fmt.Sprint("name ", (i*7919)%300), 10, i%3))
	}
	for i, g := range w.reserve(reqs...) {
		if g.N != i%3 || !g.First.Equal(w.now) {
			w.t.Errorf("ReserveRates of 300 names: grant %d = %+v; want %d slots from now", i, g, i%3)
		}
	}
}

// rateOrders has callers that name the same things in opposite orders, for the
// first time and again: who locks row by row as it comes runs into a deadlock.
func rateOrders(w *world) {
	other := w.store
	if w.h.Second != nil {
		other = w.h.Second(w.t)
	}
	var up []store.RateRequest
	for i := range 40 {
		up = append(up, perSecond(fmt.Sprint("name ", i), 10, 1))
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	concurrently(w.t, 8, func(i int) error {
		st, reqs := w.store, up
		if i%2 == 1 {
			st, reqs = other, down
		}
		for range 5 {
			if _, err := st.ReserveRates(w.ctx, w.now, reqs); err != nil {
				return err
			}
		}
		return nil
	})
}

func rateCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if g, err := w.store.ReserveRates(ctx, w.now, []store.RateRequest{perSecond("a", 1, 1)}); err == nil {
		w.t.Errorf("ReserveRates on a canceled context = %+v; want an error", g)
	}
	if g := w.reserve(perSecond("a", 1, 1))[0]; g.N != 1 || !g.First.Equal(w.now) {
		w.t.Errorf("ReserveRates after a canceled one = %+v; want a slot now", g)
	}
}
