package e2e_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// loadEvents is how many events the mixed load has.
const loadEvents = 1000

// target is an endpoint of the mixed load. It subscribes to a type of its own and
// to "all".
type target struct {
	kind string
	*receiver
	endpoint string
}

// mixedTargets are ten endpoints that behave as endpoints do.
func mixedTargets(t *testing.T, h *host) []*target {
	t.Helper()
	slow := func(int, arrival) int {
		timer := time.NewTimer(10 * time.Millisecond) // the server's work
		defer timer.Stop()
		<-timer.C
		return http.StatusOK
	}
	flaky := func(n int, _ arrival) int {
		if n%3 == 0 {
			return http.StatusInternalServerError // not 503, which would be taken for "too much"
		}
		return http.StatusAccepted
	}
	gone := func(int, arrival) int { return http.StatusGone }
	var targets []*target
	for i, tt := range []struct {
		kind   string
		answer func(int, arrival) int
	}{
		{"healthy", nil},
		{"healthy", nil},
		{"healthy", nil},
		{"healthy", nil},
		{"slow", slow},
		{"slow", slow},
		{"flaky", flaky},
		{"flaky", flaky},
		{"gone", gone},
		{"closed", nil},
	} {
		tg := &target{kind: tt.kind}
		ep := webhook.Endpoint{EventTypes: []string{fmt.Sprint("type-", i), "all"}, Retry: webhook.RetryPolicy{
			Schedule: append(make([]time.Duration, 1, 20), slices.Repeat([]time.Duration{20 * time.Millisecond}, 19)...), Jitter: -1,
		}}
		if tt.kind == "closed" {
			ep.URL, ep.Retry.Schedule = closedPort(t), []time.Duration{0, 20 * time.Millisecond}
		} else {
			tg.receiver = newReceiver(t, tt.answer)
			ep.URL = tg.URL
		}
		ep, _ = h.create(ep)
		tg.endpoint = ep.ID
		targets = append(targets, tg)
	}
	return targets
}

// Every event is accounted for: in the deliveries, in the attempts, in the
// statistics, and at the receivers, and they all say the same.
func TestMixedLoadIsAccountedFor(t *testing.T) {
	t.Parallel()
	began := time.Now()
	st := openStore(t, databaseFile(t))
	h := newHost(t, st, dispatcher.Config{})
	targets := mixedTargets(t, h)
	stop := h.start()

	published := publishMixed(h, len(targets))
	for i, tg := range targets {
		if tg.kind == "gone" || tg.kind == "closed" {
			continue
		}
		eventually(t, fmt.Sprintf("deliveries to %s endpoint %d do not end", tg.kind, i), func() bool {
			return h.count(store.DeliveryFilter{Endpoint: tg.endpoint}, webhook.DeliveryPending) == 0
		})
	}
	eventually(t, "the endpoint that is gone is not paused", func() bool {
		ep, err := h.manage.Endpoint(t.Context(), tenant, targets[8].endpoint)
		return err == nil && ep.PauseCause == webhook.PausedByGone
	})
	stop()

	books := newBooks()
	for i, tg := range targets {
		list := h.deliveries(tenant, store.DeliveryFilter{Endpoint: tg.endpoint})
		want(t, fmt.Sprintf("deliveries to endpoint %d", i), len(list), published[fmt.Sprint("type-", i)]+published["all"])
		for _, d := range list {
			books.enter(t, d, h.attempts(d))
		}
		tg.check(t, list, books)
	}
	books.compare(t, st, began.Add(-time.Minute), time.Now().Add(time.Minute))
	t.Logf("%d events, %d attempts in %v: %v", loadEvents, books.counts[store.StatScope{}].Attempts, time.Since(began), books.statuses)
}

// publishMixed publishes all events from several callers, one in fifty to
// everybody, and returns how many of each type there were.
func publishMixed(h *host, types int) map[string]int {
	published := make(map[string]int)
	var callers sync.WaitGroup
	work := make(chan webhook.Event)
	for range 16 {
		callers.Go(func() {
			for ev := range work {
				if _, err := h.Publish(h.t.Context(), ev); err != nil {
					h.t.Errorf("Publish = %v; want nil", err)
				}
			}
		})
	}
	for n := range loadEvents {
		eventType := fmt.Sprint("type-", n%types)
		if n%50 == 0 {
			eventType = "all"
		}
		published[eventType]++
		work <- event(eventType, map[string]int{"n": n})
	}
	close(work)
	callers.Wait()
	return published
}

// check compares an endpoint's deliveries with what its receiver saw.
func (tg *target) check(t *testing.T, list []webhook.Delivery, b *books) {
	t.Helper()
	statuses := make(map[webhook.DeliveryStatus]int)
	for _, d := range list {
		statuses[d.Status]++
	}
	delivered, total := statuses[webhook.DeliveryDelivered], len(list)
	switch tg.kind {
	case "healthy", "slow", "flaky":
		want(t, "delivered to a "+tg.kind+" endpoint", delivered, total)
	case "gone":
		want(t, "pending at an endpoint that is gone", statuses[webhook.DeliveryPending], total)
	case "closed":
		want(t, "pending or failed at a closed port", statuses[webhook.DeliveryPending]+statuses[webhook.DeliveryFailed], total)
	}
	if tg.receiver == nil {
		return
	}
	want(t, "arrivals at a "+tg.kind+" endpoint, against attempts in the ledger", tg.count(), int(b.counts[store.StatScope{Endpoint: tg.endpoint}].Attempts))
	accepted := tg.accepted()
	want(t, "events that a "+tg.kind+" endpoint accepted", len(accepted), delivered)
	for id, n := range accepted {
		want(t, "times that "+id+" was accepted", n, 1)
	}
}

// books are counts made from deliveries and attempts, by scope.
type books struct {
	counts   map[store.StatScope]*webhook.Counts
	statuses map[webhook.DeliveryStatus]int
}

func newBooks() *books {
	return &books{counts: make(map[store.StatScope]*webhook.Counts), statuses: make(map[webhook.DeliveryStatus]int)}
}

// enter checks a delivery's attempts and counts them.
func (b *books) enter(t *testing.T, d webhook.Delivery, attempts []webhook.Attempt) {
	t.Helper()
	b.statuses[d.Status]++
	want(t, "attempts of "+d.ID, len(attempts), d.Attempts)
	for i := range attempts {
		a := &attempts[i]
		want(t, "number of an attempt of "+d.ID, a.N, i+1)
		last := i == len(attempts)-1
		state := webhook.DeliveryPending
		if last {
			state = d.Status
		}
		want(t, "success of an attempt of "+d.ID, a.Class == webhook.ClassNone, last && d.Status == webhook.DeliveryDelivered)
		for _, scope := range []store.StatScope{
			{}, {Endpoint: d.EndpointID}, {EventType: d.EventType}, {Endpoint: d.EndpointID, EventType: d.EventType},
		} {
			if b.counts[scope] == nil {
				b.counts[scope] = new(webhook.Counts)
			}
			b.counts[scope].Add(a, state)
		}
	}
}

// compare checks the statistics of every scope against the books.
func (b *books) compare(t *testing.T, st store.Store, from, to time.Time) {
	t.Helper()
	for scope, counted := range b.counts {
		stats, err := st.Stats(t.Context(), tenant, scope, from, to)
		if err != nil {
			t.Fatalf("Stats = %v; want nil", err)
		}
		var sum webhook.Counts
		for _, s := range stats {
			sum.Merge(s.Counts)
		}
		if d := cmp.Diff(summary(*counted), summary(sum)); d != "" {
			t.Errorf("statistics of %+v differ from the attempts in the log (-log +statistics):\n%s", scope, d)
		}
	}
}

// summary is what of counts can be compared. The log keeps microseconds, so that a
// duration may be in the next bucket there, but their number is the same.
func summary(c webhook.Counts) map[string]int64 {
	s := map[string]int64{"attempts": c.Attempts, "delivered": c.Delivered, "failed": c.Failed, "latencies": latencies(c.Latency)}
	for class, n := range c.Classes {
		s["class "+string(class)] = n
	}
	return s
}

// latencies returns how many durations a histogram counts: see
// webhook.Histogram.AppendBinary.
func latencies(h webhook.Histogram) (total int64) {
	b, err := h.AppendBinary(nil)
	if err != nil {
		return -1
	}
	for len(b) > 0 {
		_, n := binary.Uvarint(b)
		count, m := binary.Uvarint(b[n:])
		b = b[n+m:]
		total += int64(count)
	}
	return total
}
