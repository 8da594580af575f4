package dispatcher_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// measured is a host with an SDK that is asked for its metrics.
type measured struct {
	t      *testing.T
	reader *metric.ManualReader
}

func newMeasured(t *testing.T) *measured { return &measured{t, metric.NewManualReader()} }

func (m *measured) config() telemetry.Config {
	return telemetry.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(m.reader))}
}

// collect returns all metrics, by name and attributes: the value, or of a histogram how
// many there are and their sum. Those of value 0 are left out unless they are gauges.
func (m *measured) collect() map[string]float64 {
	m.t.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &all); err != nil {
		m.t.Fatalf("Collect = %v; want nil", err)
	}
	values := make(map[string]float64)
	for _, scope := range all.ScopeMetrics {
		for _, s := range scope.Metrics {
			switch data := s.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Value != 0 {
						values[s.Name+labels(p.Attributes)] = float64(p.Value)
					}
				}
			case metricdata.Gauge[int64]:
				values[s.Name] = float64(data.DataPoints[0].Value)
			case metricdata.Gauge[float64]:
				values[s.Name] = data.DataPoints[0].Value
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					values[s.Name+".count"+labels(p.Attributes)], values[s.Name+".sum"+labels(p.Attributes)] = float64(p.Count), float64(p.Sum)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[s.Name+".count"+labels(p.Attributes)], values[s.Name+".sum"+labels(p.Attributes)] = float64(p.Count), p.Sum
				}
			default:
				m.t.Fatalf("%s is a %T, which this test does not know", s.Name, data)
			}
		}
	}
	return values
}

func labels(set attribute.Set) string {
	var l []string
	for _, a := range set.ToSlice() {
		l = append(l, strings.TrimPrefix(string(a.Key), "postrider.")+"="+a.Value.String())
	}
	if l == nil {
		return ""
	}
	return "{" + strings.Join(l, ",") + "}"
}

// Metrics are exactly what has happened.
func TestMetricsOfAKnownRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		st := &askedStore{Store: newWorld(t, nil, dispatcher.Config{}).store}
		w := newWorld(t, st, dispatcher.Config{Telemetry: m.config(), Slots: 40, IncidentRules: map[webhook.IncidentKind]webhook.IncidentRule{
			webhook.IncidentAuthentication: {Threshold: 1, Window: time.Hour},
		}})
		w.endpoint("ok", after(250*time.Millisecond, 200), "a.b")
		w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://flaky.example/", EventTypes: []string{"a.c"},
			Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 10 * time.Second}, Jitter: -1},
		}, statuses(503, 200))
		w.endpoint("gone", status(410), "a.d")
		if got := m.collect(); len(got) != 0 {
			t.Errorf("metrics of a dispatcher that has done nothing = %v; want none", got)
		}
		w.publish(3, "a.b")
		keyed := event("a.c", 1)
		keyed.IdempotencyKey = "one"
		for range 2 {
			if _, err := w.Publish(t.Context(), keyed); err != nil {
				t.Fatal(err)
			}
		}
		w.publish(1, "a.d")
		if _, err := w.Publish(t.Context(), event("no type!", 1)); err == nil {
			t.Fatal("an invalid event was published")
		}
		if err := w.Incident("acme", webhook.IncidentAuthentication, "203.0.113.7"); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		stop := w.run()
		wait(20 * time.Second)
		got := m.collect()
		for name := range got { // how stored work is claimed is not this test's
			if strings.HasPrefix(name, "postrider.settle.batch.size.count") || strings.HasPrefix(name, "postrider.delivery.latency.sum") {
				delete(got, name)
			}
		}
		wanted := map[string]float64{
			"postrider.events.published":                                5,
			"postrider.publish.errors{error.type=invalid}":              1,
			"postrider.publish.batch.size.count":                        6, // the duplicate's too
			"postrider.publish.batch.size.sum":                          6,
			"postrider.deliveries.created":                              5,
			"postrider.deliveries.ended{status=delivered}":              4,
			"postrider.delivery.latency.count":                          4,
			"postrider.attempts{outcome=delivered}":                     4,
			"postrider.attempts{error.type=http_status,outcome=retry}":  2,
			"postrider.attempt.duration.count{outcome=delivered}":       4,
			"postrider.attempt.duration.sum{outcome=delivered}":         0.75,
			"postrider.attempt.duration.count{outcome=retry}":           2,
			"postrider.attempt.duration.sum{outcome=retry}":             0,
			"postrider.settle.batch.size.sum":                           6,
			"postrider.endpoints.paused{cause=gone}":                    1,
			"postrider.incidents{incident.kind=authentication_failure}": 1,
			"postrider.queue.lag":                                       0,
			"postrider.clock.skew":                                      0,
			"postrider.store.up":                                        1,
			"postrider.leases.held":                                     1,
			"postrider.lanes{lane.state=closed}":                        2,
			"postrider.lanes{lane.state=paused}":                        1,
			"postrider.slots":                                           40,
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}

		st.fails.Store(true)
		wait(2 * time.Second)
		got = m.collect()
		want(t, "postrider.store.up while it is down", got["postrider.store.up"], 0)
		if _, ok := got["postrider.queue.lag"]; ok {
			t.Error("there is a lag while the store does not tell one; want none: 0 would silence an alarm")
		}
		st.fails.Store(false)
		stop()
		if _, ok := m.collect()["postrider.slots"]; ok {
			t.Error("there are slots after Run; want none: somebody still asks a dispatcher that has ended")
		}
	})
}

// The number of time series does not grow with tenants and endpoints.
func TestMetricsOfManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		series := func(tenants, endpoints int) []string {
			m := newMeasured(t)
			w := newWorld(t, nil, dispatcher.Config{Telemetry: m.config()})
			for i := range endpoints {
				ep := webhook.Endpoint{Tenant: fmt.Sprint("tenant ", i%tenants), URL: fmt.Sprintf("https://e%d.example/", i)}
				w.create(ep, statuses(200, 503, 200))
			}
			stop := w.run()
			for i := range tenants {
				for j := range 2 {
					ev := event(fmt.Sprintf("type%d.b", i), j)
					ev.Tenant = fmt.Sprint("tenant ", i)
					if _, err := w.Publish(t.Context(), ev); err != nil {
						t.Fatal(err)
					}
					wait(time.Second)
				}
			}
			wait(20 * time.Second)
			names := slices.Sorted(maps.Keys(m.collect()))
			stop()
			return names
		}
		few, many := series(1, 1), series(100, 1000)
		if diff := cmp.Diff(few, many); diff != "" {
			t.Errorf("time series with one endpoint and with 1,000 of 100 tenants (-one +many):\n%s", diff)
		}
	})
}

// A host that wants types of events in its metrics gets them.
func TestMetricsByEventType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		cfg := m.config()
		cfg.EventTypes = true
		w := newWorld(t, nil, dispatcher.Config{Telemetry: cfg})
		w.endpoint("a", status(200))
		defer w.run()()
		w.publish(2, "a.b")
		w.publish(1, "a.c")
		wait(time.Second)
		got := m.collect()
		for name, n := range map[string]float64{
			"postrider.events.published{event.type=a.b}": 2, "postrider.events.published{event.type=a.c}": 1,
			"postrider.deliveries.created{event.type=a.b}": 2, "postrider.deliveries.ended{event.type=a.b,status=delivered}": 2,
			"postrider.attempts{event.type=a.b,outcome=delivered}": 2,
		} {
			want(t, name, got[name], n)
		}
	})
}

// What the store refuses is counted by what it was asked for.
func TestMetricsOfAStoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeasured(t)
		st := &refusing{Store: newWorld(t, nil, dispatcher.Config{}).store}
		w := newWorld(t, st, dispatcher.Config{Telemetry: m.config()})
		w.endpoint("a", status(200))
		stop := w.run()
		st.settles.Store(true)
		w.publish(1, "a.b")
		wait(100 * time.Millisecond)
		st.settles.Store(false)
		wait(20 * time.Second)
		stop()
		got := m.collect()
		if got["postrider.store.errors{operation=settle}"] == 0 {
			t.Errorf("metrics = %v; want errors of settle", got)
		}
		want(t, "deliveries that were written in the end", got["postrider.deliveries.ended{status=delivered}"], 1)
		want(t, "outcomes that were refused", got["postrider.outcomes.refused"], 0)
	})
}

// refusing is a store that is down for outcomes.
type refusing struct {
	store.Store
	settles atomic.Bool
}

func (s *refusing) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	if s.settles.Load() {
		return store.SettleResult{}, store.ErrUnavailable
	}
	return s.Store.Settle(ctx, now, st)
}
