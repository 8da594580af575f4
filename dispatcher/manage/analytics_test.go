package manage_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestAnalyticsEqualTheLog delivers by two processes for some hours to a receiver that refuses
// every third attempt, and holds what is counted to the log of attempts, also once that is
// pruned.
func TestAnalyticsEqualTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := newProcess(t, w.store, dispatcher.Config{})
		var n atomic.Int64
		for _, p := range []*world{w, other} {
			p.answers(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
				if n.Add(1)%3 == 0 {
					return status(500)(ctx, req)
				}
				return status(200)(ctx, req)
			})
		}
		stop, stopOther := w.run(), other.run()
		ep := w.endpoint()
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
			ep.Retry = webhook.RetryPolicy{Schedule: []time.Duration{0, time.Minute}}
			return nil
		})
		w.must(err, "UpdateEndpoint")
		began := time.Now().UTC()
		for i := range 30 {
			[]*world{w, other}[i%2].publish()
			time.Sleep(11 * time.Minute)
		}
		stop()
		stopOther()
		if len(w.requests) == 0 || len(other.requests) == 0 {
			t.Fatalf("the processes have sent %d and %d requests; want both to send some", len(w.requests), len(other.requests))
		}

		want, attempts := w.counted(), int64(0)
		if want.Attempts < 30 || want.Attempts == want.Delivered {
			t.Fatalf("the log has %d attempts and %d successes; want some that failed", want.Attempts, want.Delivered)
		}
		query := manage.AnalyticsQuery{Endpoint: ep.ID, From: began, Interval: manage.IntervalHour}
		got, err := w.Analytics(t.Context(), acme, query)
		w.must(err, "Analytics")
		if diff := cmp.Diff(want, got.Totals, cmp.AllowUnexported(webhook.Histogram{})); diff != "" {
			t.Errorf("Analytics and the log differ (-log +analytics):\n%s", diff)
		}
		ofOther, err := other.Analytics(t.Context(), acme, query)
		w.must(err, "Analytics")
		if diff := cmp.Diff(want, ofOther.Totals, cmp.AllowUnexported(webhook.Histogram{})); diff != "" {
			t.Errorf("Analytics in the other process and the log differ (-log +analytics):\n%s", diff)
		}
		for _, p := range got.Series {
			attempts += p.Counts.Attempts
		}
		if len(got.Series) != 6 || attempts != want.Attempts || got.Previous.Attempts != 0 {
			t.Errorf("the series has %d points with %d attempts, and %d before; want 6 with %d, and none", len(got.Series), attempts, got.Previous.Attempts, want.Attempts)
		}
		later, err := w.Analytics(t.Context(), acme, manage.AnalyticsQuery{From: got.To, To: got.To.Add(time.Hour)})
		w.must(err, "Analytics")
		if later.Totals.Attempts != 0 || later.Previous.Attempts != got.Series[5].Counts.Attempts {
			t.Errorf("an hour later %d attempts, and %d before; want none, and those of the last hour, %d", later.Totals.Attempts, later.Previous.Attempts, got.Series[5].Counts.Attempts)
		}
		alone, err := w.Analytics(t.Context(), acme, manage.AnalyticsQuery{From: got.To, To: got.To.Add(time.Hour), WithoutPrevious: true})
		if err != nil || alone.Previous.Attempts != 0 || cmp.Diff(later.Totals, alone.Totals, cmp.AllowUnexported(webhook.Histogram{})) != "" {
			t.Errorf("without what was before: %d attempts before, %v; want none, and the same totals", alone.Previous.Attempts, err)
		}

		foreign, err := w.Analytics(t.Context(), globex, query)
		if err != nil || foreign.Totals.Attempts != 0 {
			t.Errorf("Analytics of another tenant = %d attempts, %v; want none", foreign.Totals.Attempts, err)
		}

		w.pruned()
		again, err := w.Analytics(t.Context(), acme, manage.AnalyticsQuery{From: began, To: got.To, Interval: manage.IntervalDay})
		w.must(err, "Analytics")
		if diff := cmp.Diff(want, again.Totals, cmp.AllowUnexported(webhook.Histogram{})); diff != "" {
			t.Errorf("Analytics after pruning and the log of before differ (-log +analytics):\n%s", diff)
		}
	})
}

// counted returns the counts of acme's log of attempts.
func (w *world) counted() (c webhook.Counts) {
	w.t.Helper()
	list, err := w.Deliveries(w.t.Context(), acme, store.DeliveryFilter{}, store.Page{Limit: store.MaxPage})
	w.must(err, "Deliveries")
	for _, d := range list {
		attempts, err := w.Attempts(w.t.Context(), acme, d.ID)
		w.must(err, "Attempts")
		for i := range attempts {
			ended := webhook.DeliveryPending
			if i == len(attempts)-1 {
				ended = d.Status
			}
			c.Add(&attempts[i], ended)
		}
	}
	return c
}

// pruned waits until the events are old, and prunes them.
func (w *world) pruned() {
	w.t.Helper()
	time.Sleep(100 * 24 * time.Hour)
	r := store.Retention{Payloads: time.Hour, Deliveries: time.Hour, Statistics: 400 * 24 * time.Hour, Audit: time.Hour}
	for {
		p, err := w.store.Prune(w.t.Context(), time.Now(), r, 1000)
		w.must(err, "Prune")
		if p.Events+p.Payloads+p.Deliveries+p.Attempts+p.Statistics == 0 {
			return
		}
	}
}

func TestAnalyticsRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	for _, q := range []manage.AnalyticsQuery{
		{Interval: "week"},
		{From: now, To: now.Add(-time.Hour)},
		{From: now.Add(-72 * time.Hour), Interval: manage.IntervalMinute},
		{From: now.Add(-40 * 24 * time.Hour)},
		{From: now.Add(-500 * 24 * time.Hour), Interval: manage.IntervalDay},
		{To: now.Add(100 * 24 * time.Hour)},
	} {
		if a, err := w.Analytics(t.Context(), acme, q); !errors.Is(err, webhook.ErrInvalid) || a.Series != nil {
			t.Errorf("Analytics(%+v) = %d points, %v; want ErrInvalid", q, len(a.Series), err)
		}
	}
}
