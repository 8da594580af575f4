package faults_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// TestFaultRateLimit has three processes publish and deliver to one endpoint that
// takes 50 a second. Attempts are counted by when they began, since a machine that is
// busy may let several arrive together; the long version also counts arrivals. Processes
// that do not share their limit are found out in the first second, so a few will do.
func TestFaultRateLimit(t *testing.T) {
	take(t, nearlyAlone)
	const limit, most, least = 50, 55, 47
	lasting := 5 * time.Second
	if long {
		lasting = time.Minute
	}
	f := newFleet(t, postgrestest.Shared(t), seedOf(t), good)
	f.common.Lease, f.common.WatchStalls = 10*time.Second, true
	f.limit(webhook.RateLimit{PerSecond: limit})
	members := f.enlist(3)
	began := time.Now()
	var publishers sync.WaitGroup
	for _, p := range members {
		publishers.Go(func() { f.load.publishN(p, limit*int(lasting/time.Second)/3+2*limit) })
	}
	publishers.Wait()
	time.Sleep(time.Until(began.Add(lasting + 2*time.Second)))
	// What was held up has its slot by then, and is noted when it runs.
	stalled := longestStall(members)
	a := f.finish(members[0])
	a.report(t)

	begun := f.attempts()
	first := begun[0]
	for s, n := range inSeconds(begun, first) {
		if n > most+stalls.Heap(limit, stalled) {
			t.Errorf("second %d: %d attempts; want at most %d, and %d more for what a stall of %v held up", s, n, most, stalls.Heap(limit, stalled), stalled)
		}
	}
	until := first.Add(lasting)
	n := len(begun[:firstAfter(begun, until)])
	rate := float64(n) / lasting.Seconds()
	arrivals := f.arrivals()
	t.Logf("3 processes, %v: %.1f/s, most in a second %d begun and %d arrived, no process stalled for more than %v; shares %.2f",
		lasting, rate, slices.Max(inSeconds(begun, first)), slices.Max(inSeconds(arrivals, arrivals[0])), stalled, f.shares(members, time.Time{}))
	if !long {
		return
	}
	if rate < least {
		t.Errorf("%.1f a second over a minute; want at least %d", rate, least)
	}
	for s, n := range inSeconds(arrivals, arrivals[0]) {
		if n > most {
			t.Errorf("second %d: %d arrivals; want at most %d", s, n, most)
		}
	}
}

// longestStall returns the longest time that a machine kept a child waiting.
func longestStall(members []*process) (longest time.Duration) {
	for _, p := range members {
		longest = max(longest, time.Duration(p.must(order{Do: doStalls}).N)*time.Microsecond)
	}
	return longest
}

// limit gives the first endpoint a rate limit.
func (f *fleet) limit(r webhook.RateLimit) {
	f.t.Helper()
	d, err := dispatcher.New(f.open(), dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		f.t.Fatal(err)
	}
	ep := f.receivers.all[0].endpoint
	if _, err := manage.New(d).UpdateEndpoint(f.t.Context(), ep.Tenant, ep.ID, func(ep *webhook.Endpoint) error {
		ep.RateLimit = r
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
}

// attempts returns when all attempts began, in their order.
func (f *fleet) attempts() (begun []time.Time) {
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), strings.ReplaceAll(`SELECT at FROM SCHEMA.attempts ORDER BY at`, "SCHEMA", f.common.Schema))
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var us int64
		if err := rows.Scan(&us); err != nil {
			f.t.Fatal(err)
		}
		begun = append(begun, time.UnixMicro(us))
	}
	if err := rows.Err(); err != nil || len(begun) == 0 {
		f.t.Fatalf("%d attempts, %v; want some", len(begun), err)
	}
	return begun
}

// arrivals returns when requests arrived, in their order.
func (f *fleet) arrivals() (at []time.Time) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	for _, r := range f.ledger.requests {
		at = append(at, r.at)
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// inSeconds counts times by the second after a first one.
func inSeconds(times []time.Time, first time.Time) (counts []int) {
	for _, at := range times {
		s := int(at.Sub(first) / time.Second)
		counts = append(counts, make([]int, max(s+1-len(counts), 0))...)
		counts[s]++
	}
	return counts
}

// firstAfter returns the place of the first time that is not before at.
func firstAfter(times []time.Time, at time.Time) int {
	n, _ := slices.BinarySearchFunc(times, at, time.Time.Compare)
	return n
}
