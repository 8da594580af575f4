package storetest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var statisticsCases = []testCase{
	{"CountWhatSettleAccepted", statsCountWhatWasAccepted},
	{"AreByMinuteInOrder", statsByMinute},
	{"ItemsWithoutAttemptCountNothing", statsWithoutAttempt},
	{"TenantsAreSeparate", statsTenantsAreSeparate},
	{"AddUpOverProcesses", statsAddUp},
	{"SurvivePrune", statsSurvivePrune},
	{"FiltersAddUp", statsFiltersAddUp},
	{"FiltersSurvivePrune", statsFiltersSurvivePrune},
}

func (w *world) stats(tenant string, scope store.StatScope, from, to time.Time) []store.Stat {
	w.t.Helper()
	stats, err := w.store.Stats(w.ctx, tenant, scope, from, to)
	w.must(err, "Stats")
	return stats
}

// wantTally compares what Stats says with what store.Tally makes of items.
func (w *world) wantTally(items []store.Settled) {
	w.t.Helper()
	type series struct {
		tenant string
		scope  store.StatScope
	}
	want := map[series]map[time.Time]*webhook.Counts{}
	for key, counts := range store.Tally(items) {
		s := series{key.Tenant, key.StatScope}
		if want[s] == nil {
			want[s] = map[time.Time]*webhook.Counts{}
		}
		want[s][key.Minute] = counts
	}
	for s, minutes := range want {
		got := w.stats(s.tenant, s.scope, w.now.Add(-48*time.Hour), w.now.Add(time.Hour))
		if len(got) != len(minutes) {
			w.t.Errorf("Stats of %+v = %d minutes; want %d: one for each that has any", s, len(got), len(minutes))
		}
		for _, stat := range got {
			if counts := minutes[utc(stat.Start)]; counts == nil || !sameCounts(stat.Counts, *counts) {
				w.t.Errorf("Stats of %+v at %v = %s; want %s, which is what Settle accepted", s, stat.Start, show(&stat.Counts), show(counts))
			}
		}
	}
}

func sameCounts(a, b webhook.Counts) bool {
	if a.Passed != b.Passed || a.KeptBack != b.KeptBack || a.Attempts != b.Attempts || a.Delivered != b.Delivered || a.Failed != b.Failed || !maps.Equal(a.Classes, b.Classes) || !maps.Equal(a.Statuses, b.Statuses) {
		return false
	}
	x, _ := a.Latency.AppendBinary(nil)
	y, _ := b.Latency.AppendBinary(nil)
	return slices.Equal(x, y)
}

// settleMix settles one delivered, one failed for good, one to be retried, and
// one timeout, of two endpoints, and returns the items.
func (w *world) settleMix(epoch int64) []store.Settled {
	w.t.Helper()
	a, b := w.endpoint(acme), w.endpoint(acme)
	w.waiting(acme, a.ID, 2)
	w.waiting(acme, b.ID, 2)
	c := w.pollAll(epoch, 4)
	items := []store.Settled{w.delivered(c[0]), w.failed(c[1]), w.retried(c[2], w.now.Add(240*time.Hour)), w.retried(c[3], w.now.Add(240*time.Hour))}
	items[2].Attempt.StatusCode = 429
	items[3].Attempt.Class, items[3].Attempt.StatusCode, items[3].Attempt.Timings.Total = webhook.ClassTimeout, 0, 15*time.Second
	items[1].EventType = "order.created"
	w.accepted(epoch, items...)
	return items
}

func statsCountWhatWasAccepted(w *world) {
	epoch := w.acquire()
	items := w.settleMix(epoch)
	w.wantTally(items)
	w.settle(epoch, items...) // all lost
	w.wantTally(items)
	w.advance(10 * time.Minute)
	w.wantTally(append(items, w.settleMix(epoch)...))
}

func statsByMinute(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	start := w.now.Truncate(time.Minute)
	for _, at := range []time.Duration{5 * time.Minute, 0, 2*time.Minute + 59*time.Second, 2 * time.Minute} {
		w.waiting(acme, ep.ID, 1)
		item := w.delivered(w.pollOne(epoch))
		item.Attempt.At = start.Add(at)
		w.accepted(epoch, item)
	}
	minutes := func(from, to time.Duration) []time.Duration {
		var out []time.Duration
		for _, s := range w.stats(acme, store.StatScope{Endpoint: ep.ID}, start.Add(from), start.Add(to)) {
			out = append(out, s.Start.Sub(start))
		}
		return out
	}
	for _, c := range []struct {
		from, to time.Duration
		want     []time.Duration
	}{
		{0, time.Hour, []time.Duration{0, 2 * time.Minute, 5 * time.Minute}},
		{0, 5 * time.Minute, []time.Duration{0, 2 * time.Minute}},
		{2 * time.Minute, time.Hour, []time.Duration{2 * time.Minute, 5 * time.Minute}},
		{3 * time.Minute, 5 * time.Minute, nil},
	} {
		if got := minutes(c.from, c.to); !slices.Equal(got, c.want) {
			w.t.Errorf("Stats in [%v, %v) = %v; want %v, in order of time", c.from, c.to, got, c.want)
		}
	}
	if got := w.stats(acme, store.StatScope{}, start.Add(2*time.Minute), start.Add(3*time.Minute)); len(got) != 1 || got[0].Counts.Attempts != 2 {
		w.t.Errorf("Stats of a minute with two attempts = %+v; want one entry of 2", got)
	}
}

func statsWithoutAttempt(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	end := released(c, time.Time{})
	end.Status, end.Reason = webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted
	w.accepted(epoch, end)
	w.wantStats(0, "an end without an attempt")
}

func statsTenantsAreSeparate(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.delivered(c))
	for _, scope := range []store.StatScope{{}, {Endpoint: c.Endpoint}, {EventType: "invoice.paid"}} {
		for _, tenant := range []string{globex, nobody} {
			if got := w.stats(tenant, scope, w.now.Add(-time.Hour), w.now.Add(time.Hour)); len(got) != 0 {
				w.t.Errorf("Stats of tenant %q, scope %+v = %+v; want none: they are another's", tenant, scope, got)
			}
		}
	}
	if got := w.stats(acme, store.StatScope{Endpoint: "ep_unknown"}, w.now.Add(-time.Hour), w.now.Add(time.Hour)); len(got) != 0 {
		w.t.Errorf("Stats of an unknown endpoint = %+v; want none", got)
	}
}

// statsAddUp settles from several goroutines, of two processes if there are.
func statsAddUp(w *world) {
	stores, epochs := []store.Store{w.store}, []int64{w.acquire()}
	if w.h.Second != nil && !w.h.Exclusive {
		other := w.h.Second(w.t)
		epoch, err := other.Acquire(w.ctx, w.now, process, leaseLength)
		w.must(err, "Acquire in another process")
		stores, epochs = append(stores, other), append(epochs, epoch)
	}
	ep := w.endpoint(acme)
	const each = 10
	jobs := make([][]store.Settled, 4)
	for i := range jobs {
		w.waiting(acme, ep.ID, each)
		for _, c := range w.poll(epochs[i%len(epochs)]) {
			jobs[i] = append(jobs[i], w.delivered(c))
		}
	}
	var mu sync.Mutex
	highest := 0
	concurrently(w.t, len(jobs), func(i int) error {
		for _, item := range jobs[i] {
			item.Health = store.HealthFailure
			result, err := stores[i%len(stores)].Settle(w.ctx, w.now, store.Settlement{
				Epoch: epochs[i%len(epochs)], Items: []store.Settled{item},
			})
			if err != nil {
				return err
			}
			mu.Lock()
			for _, h := range result.Health {
				highest = max(highest, h.Failures)
			}
			mu.Unlock()
		}
		return nil
	})
	w.wantStats(each*int64(len(jobs)), "settles at once")
	if want := each * len(jobs); highest != want || w.engineHealth(acme, ep.ID).Failures != want {
		w.t.Errorf("Settle at once: %d failures, the highest answer %d; want %d: an update was lost", w.engineHealth(acme, ep.ID).Failures, highest, want)
	}
}

func statsSurvivePrune(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	at := w.now
	w.accepted(epoch, w.delivered(c))
	w.expire(retention.Deliveries)
	w.pruneAll()
	if _, err := w.store.Delivery(w.ctx, acme, c.Delivery); err == nil {
		w.t.Errorf("Delivery after its retention = no error; want ErrNotFound")
	}
	if got := w.stats(acme, store.StatScope{}, at.Add(-time.Hour), w.now); len(got) != 1 || got[0].Counts.Delivered != 1 {
		w.t.Errorf("Stats after Prune removed what they count = %+v; want 1 delivered: charts would change afterwards", got)
	}
}

func show(c *webhook.Counts) string {
	if c == nil {
		return "nothing"
	}
	return fmt.Sprintf("%d attempts, %d delivered, %d failed, classes %v, statuses %v, median %v", c.Attempts, c.Delivered, c.Failed, c.Classes, c.Statuses, c.Latency.Quantile(0.5))
}

// filtered returns what filters of an endpoint did in a time.
func (w *world) filtered(tenant, endpoint string, from, to time.Time) (sum webhook.Counts) {
	w.t.Helper()
	for _, s := range w.stats(tenant, store.StatScope{Endpoint: endpoint}, from, to) {
		sum.Merge(s.Counts)
	}
	return sum
}

func statsFiltersAddUp(w *world) {
	epoch := w.acquire()
	ep, other := w.endpoint(acme), w.endpoint(acme)
	count := func(st store.Store, tenant string, counts ...store.FilterCount) {
		w.t.Helper()
		w.must(st.CountFilters(w.ctx, w.now, tenant, counts), "CountFilters")
	}
	hour := w.now.Truncate(time.Hour)
	count(w.store, acme, store.FilterCount{Endpoint: ep.ID, KeptBack: 3}, store.FilterCount{Endpoint: other.ID, Passed: 1}, store.FilterCount{Endpoint: ep.ID, Passed: 2})
	w.advance(time.Minute)
	second := w.store
	if w.h.Second != nil {
		second = w.h.Second(w.t)
	}
	count(second, acme, store.FilterCount{Endpoint: ep.ID, KeptBack: 4})
	count(second, globex, store.FilterCount{Endpoint: ep.ID, KeptBack: 100})
	w.waiting(acme, ep.ID, 1)
	w.accepted(epoch, w.failed(w.pollOne(epoch))) // an attempt beside it
	got := w.filtered(acme, ep.ID, hour, hour.Add(time.Hour))
	if got.Passed != 2 || got.KeptBack != 7 || got.Attempts != 1 || len(got.Classes) != 1 {
		w.t.Errorf("Stats of an endpoint = %s, %d passed, %d kept back; want 2 and 7 by two processes, and the attempt", show(&got), got.Passed, got.KeptBack)
	}
	if stats := w.stats(acme, store.StatScope{Endpoint: other.ID}, hour, hour.Add(time.Minute)); len(stats) != 1 || stats[0].Counts.Passed != 1 || !stats[0].Start.Equal(hour) {
		w.t.Errorf("Stats of another endpoint = %+v; want one entry, of the beginning of the hour", stats)
	}
	if all := w.filtered(acme, "", hour, hour.Add(time.Hour)); all.Passed != 0 || all.KeptBack != 0 {
		w.t.Errorf("Stats of the tenant have %d passed and %d kept back; want what filters did at their endpoints alone", all.Passed, all.KeptBack)
	}
	w.must(w.store.CountFilters(w.ctx, w.now, acme, nil), "CountFilters of nothing")
}

func statsFiltersSurvivePrune(w *world) {
	ep := w.endpoint(acme)
	from := w.now
	for range 3 {
		w.must(w.store.CountFilters(w.ctx, w.now, acme, []store.FilterCount{{Endpoint: ep.ID, Passed: 1, KeptBack: 2}}), "CountFilters")
		w.advance(2 * time.Hour)
	}
	w.advance(40 * 24 * time.Hour) // hours have become days
	for range 5 {
		_, err := w.store.Prune(w.ctx, w.now, store.Retention{Statistics: 400 * 24 * time.Hour}, many)
		w.must(err, "Prune")
	}
	if got := w.filtered(acme, ep.ID, from.Add(-24*time.Hour), w.now); got.Passed != 3 || got.KeptBack != 6 {
		w.t.Errorf("after 40 days there are %d passed and %d kept back; want 3 and 6", got.Passed, got.KeptBack)
	}
}
