package manage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

func TestLabelsSumUpTheirEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		create := func(host string, labels ...string) webhook.Endpoint {
			t.Helper()
			ep, _, err := w.CreateEndpoint(t.Context(), webhook.Endpoint{
				Tenant: acme, URL: "https://" + host + ".example/", Labels: labels,
				Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}},
			})
			w.must(err, "CreateEndpoint")
			return ep
		}
		create("good", "eu", "billing")
		create("bad", "eu", "eu")
		paused := create("paused", "billing")
		create("unlabelled")
		_, err := w.Pause(t.Context(), acme, paused.ID)
		w.must(err, "Pause")
		w.answers(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
			if req.URL == "https://bad.example/" {
				return &transport.Response{StatusCode: 500}, nil
			}
			return &transport.Response{StatusCode: 200}, nil
		})
		for range 6 {
			ev, err := webhook.NewEvent(acme, "invoice.paid", 1)
			w.must(err, "NewEvent")
			_, err = w.d.Publish(t.Context(), ev)
			w.must(err, "Publish")
			synctest.Wait()
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.must(w.DeleteEndpoint(t.Context(), acme, create("gone", "eu", "old").ID), "DeleteEndpoint")

		got, err := w.Labels(t.Context(), acme)
		w.must(err, "Labels")
		if len(got) != 2 {
			t.Fatalf("Labels = %+v; want billing and eu", got)
		}
		bad := got[1].Attempts - 6
		if bad < 6 || got[1].Failed == 0 {
			t.Fatalf("Labels = %+v; want at least 6 attempts at the bad endpoint, and some failed for good", got)
		}
		want := []manage.LabelSummary{
			{Label: "billing", Endpoints: 2, Active: 1, Paused: 1, Attempts: 6, Delivered: 6},
			{Label: "eu", Endpoints: 2, Active: 2, Failing: 1, BreakerOpen: 1, Attempts: 6 + bad, Delivered: 6, Failed: got[1].Failed},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Labels (-want +got):\n%s", diff)
		}
		if rate, want := got[1].SuccessRate(), 6/float64(6+got[1].Failed); rate != want || got[0].SuccessRate() != 1 {
			t.Errorf("success rates = %v and %v; want 1 and %v", got[0].SuccessRate(), rate, want)
		}

		stop()
		time.Sleep(25 * time.Hour)
		got, err = w.Labels(t.Context(), acme)
		w.must(err, "Labels")
		if got[0].Attempts != 0 || got[0].SuccessRate() != 1 {
			t.Errorf("Labels a day later = %+v; want no attempts", got[0])
		}
	})
}

// What Advice reads of the store, once each.
func TestAdviceLooksAtWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		ep := w.endpoint()
		codes := func() (codes []manage.AdviceCode) {
			t.Helper()
			list, err := w.Advice(t.Context(), acme, ep.ID)
			w.must(err, "Advice")
			for _, a := range list {
				codes = append(codes, a.Code)
			}
			return codes
		}
		for range 25 {
			w.publish()
		}
		if got := codes(); got != nil {
			t.Errorf("Advice for a good endpoint = %v; want none", got)
		}
		large := make([]byte, 21<<10)
		for i := range large {
			large[i] = '1'
		}
		w.answers(status(429))
		time.Sleep(time.Second) // ids of one millisecond are in no order
		_, err := w.d.Publish(t.Context(), webhook.Event{Tenant: acme, Type: "invoice.paid", Data: large})
		w.must(err, "Publish")
		synctest.Wait()
		if diff := cmp.Diff([]manage.AdviceCode{manage.AdviceRateLimit, manage.AdvicePayload}, codes()); diff != "" {
			t.Errorf("Advice after one 429 and a large event (-want +got):\n%s", diff)
		}
		_, err = w.Pause(t.Context(), acme, ep.ID)
		w.must(err, "Pause")
		stop()
		time.Sleep(366 * 24 * time.Hour)
		if diff := cmp.Diff([]manage.AdviceCode{manage.AdvicePayload, manage.AdviceSecret}, codes()); diff != "" {
			t.Errorf("Advice a year later (-want +got):\n%s", diff)
		}
	})
}
