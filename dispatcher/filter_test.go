package dispatcher_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

func expressions(t testing.TB) webhook.Expressions {
	t.Helper()
	e, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// counting counts how often filters are asked and events decoded.
type counting struct {
	webhook.Expressions
	asked, decoded atomic.Int64
}

func (c *counting) Filter(text string) (webhook.Filter, error) {
	f, err := c.Expressions.Filter(text)
	return countedFilter{f, c}, err
}

func (c *counting) Decode(ev *webhook.Event) webhook.Decoded {
	c.decoded.Add(1)
	return c.Expressions.Decode(ev)
}

type countedFilter struct {
	webhook.Filter
	c *counting
}

func (f countedFilter) Match(ctx context.Context, ev webhook.Decoded) (bool, error) {
	f.c.asked.Add(1)
	return f.Filter.Match(ctx, ev)
}

// An endpoint with a filter gets what matches it, whichever way it was published.
func TestFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{Expressions: expressions(t)})
		all := w.endpoint("all", status(200), "a.b")
		some := w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://some.example/", EventTypes: []string{"a.b", "webhook.endpoint.paused"},
			Filter: `data.n > 10 && metadata.region == "eu"`, Transform: `{"big": data.n}`,
		}, status(200))
		defer w.run()()
		tx := st.Begin()
		for _, n := range []int{1, 11, 100} {
			ev := event("a.b", map[string]int{"n": n})
			ev.Metadata = map[string]string{"region": "eu"}
			w.publishEveryWay(tx, ev)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		want(t, "events at an endpoint without a filter", len(w.net.to(all.URL)), 12)
		got := map[string]int{}
		for _, a := range w.net.to(some.URL) {
			_, data, _ := strings.Cut(a.body, `"data":`)
			got[data]++
		}
		want(t, "kinds of events at an endpoint with a filter", len(got), 2)
		want(t, "events of 11", got[`{"big":11}}`], 4)
		want(t, "events of 100", got[`{"big":100}}`], 4)
		// Operational events are for those who name them, as they are.
		if _, err := w.manage.Pause(t.Context(), "acme", all.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		arrived := w.net.to(some.URL)
		if last := arrived[len(arrived)-1].body; len(arrived) != 9 || !strings.Contains(last, `"webhook.endpoint.paused"`) || strings.Contains(last, "big") {
			t.Errorf("after a pause %d events have arrived, the last %s; want the operational event untransformed", len(arrived), last)
		}
	})
}

// Endpoints with the same filter have it asked once, those of other types never, and
// the event is decoded once for all.
func TestFiltersAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counting{Expressions: expressions(t)}
		w := newWorld(t, nil, dispatcher.Config{Expressions: c})
		for i, filter := range []string{"data.n > 1", "data.n > 1", "data.n > 2", "data.n > 1"} {
			ep := webhook.Endpoint{Tenant: "acme", URL: "https://e" + string(rune('a'+i)) + ".example/", Filter: filter, EventTypes: []string{"a.b"}}
			w.create(ep, status(200))
			ep.URL, ep.EventTypes = strings.Replace(ep.URL, "e", "o", 1), []string{"other"}
			ep.Filter = "data.other == 1"
			w.create(ep, status(200))
		}
		if r, err := w.Publish(t.Context(), event("a.b", map[string]int{"n": 2})); err != nil || r.Deliveries != 3 {
			t.Fatalf("Publish = %+v, %v; want 3 deliveries", r, err)
		}
		want(t, "filters that were asked", c.asked.Load(), 2)
		want(t, "times that the event was decoded", c.decoded.Load(), 1)
	})
}

// A filter that fails leaves a failed delivery that everybody can see, and a
// redelivery asks it again, as it is by then.
func TestFilterError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Expressions: expressions(t)})
		ops := w.endpoint("ops", status(200), "webhook.delivery.failed")
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", EventTypes: []string{"a.b"}, Filter: "data.n > 10"}, status(200))
		defer w.run()()
		r, err := w.Publish(t.Context(), event("a.b", map[string]int{"m": 11}))
		if err != nil || r.Deliveries != 0 {
			t.Fatalf("Publish = %+v, %v; want an event without deliveries to be sent", r, err)
		}
		wait(time.Second)
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryFailed)
		want(t, "reason", d.Reason, webhook.ReasonFilterError)
		want(t, "operational events", len(w.net.to(ops.URL)), 1)
		redeliver := func(filter string) webhook.Delivery {
			t.Helper()
			_, err := w.manage.UpdateEndpoint(t.Context(), "acme", ep.ID, func(ep *webhook.Endpoint) error { ep.Filter = filter; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if err := w.manage.Redeliver(t.Context(), "acme", d.ID); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			return w.only(r)
		}
		d = redeliver("data.k > 1")
		want(t, "status after the filter has failed again", d.Status, webhook.DeliveryFailed)
		want(t, "reason after the filter has failed again", d.Reason, webhook.ReasonFilterError)
		if as := w.attempts(d); len(as) != 1 || as[0].Class != webhook.ClassFilterError || as[0].StatusCode != 0 {
			t.Errorf("attempts = %+v; want one of class filter_error", as)
		}
		d = redeliver("data.m > 100")
		want(t, "status with a filter that does not match", d.Status, webhook.DeliverySkipped)
		want(t, "reason with a filter that does not match", d.Reason, webhook.ReasonFiltered)
		want(t, "requests before the filter matched", len(w.net.to(ep.URL)), 0)
		d = redeliver("data.m > 10")
		want(t, "status with a filter that matches", d.Status, webhook.DeliveryDelivered)
		want(t, "requests", len(w.net.to(ep.URL)), 1)
	})
}

// Where a process has no expressions, what has a filter or a transform fails and is
// not sent as if it had none.
func TestFilterWithoutExpressions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{Expressions: expressions(t)})
		filtered := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://f.example/", EventTypes: []string{"f"}, Filter: "data.n > 0"}, status(200))
		reshaped := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://t.example/", EventTypes: []string{"t"}, Transform: "data.n", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}}}, status(200))
		bare := newWorld(t, st, dispatcher.Config{Transport: w.net})
		defer bare.run()()
		for _, kind := range []string{"f", "t"} {
			r, err := bare.Publish(t.Context(), event(kind, map[string]int{"n": 1}))
			if err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			if d := bare.only(r); d.Status != webhook.DeliveryFailed {
				t.Errorf("delivery of %s = %+v; want it failed", kind, d)
			}
		}
		want(t, "requests", len(w.net.to(filtered.URL))+len(w.net.to(reshaped.URL)), 0)
	})
}

// A transform that fails for one event of a batch leaves the others alone, and the
// breaker too; retries send the same bytes.
func TestTransformErrorInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Expressions: expressions(t)})
		ep := w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://a.example/", EventTypes: []string{"a.b"}, Transform: `{"v": data.v}`,
			Batch: webhook.Batch{MaxEvents: 10, MaxWait: time.Second},
		}, status(200))
		defer w.run()()
		var bad []webhook.Receipt
		for i := range 8 {
			key := "v"
			if i >= 2 {
				key = "w" // more than open a breaker
			}
			r, err := w.Publish(t.Context(), event("a.b", map[string]int{key: i}))
			if err != nil {
				t.Fatal(err)
			}
			if i >= 2 {
				bad = append(bad, r)
			}
		}
		wait(3 * time.Second)
		arrived := w.net.to(ep.URL)
		if len(arrived) != 1 || strings.Count(arrived[0].body, `"data":{"v":`) != 2 {
			t.Errorf("arrived: %+v; want a batch of the two that can be transformed", arrived)
		}
		for _, r := range bad {
			d := w.only(r)
			if as := w.attempts(d); d.Status != webhook.DeliveryPending || len(as) != 1 || as[0].Class != webhook.ClassTransformError {
				t.Errorf("delivery %+v with attempts %+v; want it pending after one of class transform_error", d, as)
			}
		}
		if _, err := w.Publish(t.Context(), event("a.b", map[string]int{"v": 9})); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		want(t, "requests after a good event", len(w.net.to(ep.URL)), 2)
	})
}
