package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Events of an endpoint with batches come as one signed request, whose id is the
// batch's; the first is refused and comes again as it was.
func TestBatches(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		h := newHost(t, st, dispatcher.Config{})
		rc := newReceiver(t, failFirst)
		ep, secret := h.create(webhook.Endpoint{
			URL: rc.URL, Batch: webhook.Batch{MaxEvents: 10, MaxWait: 200 * time.Millisecond},
			Retry: webhook.RetryPolicy{Initial: time.Second, MaxAttempts: 3},
		})
		v, err := signer.NewVerifier(secret)
		if err != nil {
			t.Fatal(err)
		}
		h.start()
		const events = 25
		published := map[string]bool{}
		for i := range events {
			r, err := h.Publish(t.Context(), event("a.b", i))
			if err != nil {
				t.Fatal(err)
			}
			published[r.EventID] = true
		}
		eventually(t, "not all is delivered", func() bool {
			ds, err := st.ListDeliveries(t.Context(), ep.Tenant, store.DeliveryFilter{Endpoint: ep.ID, Status: webhook.DeliveryDelivered}, store.Page{Limit: 100})
			return err == nil && len(ds) == events
		})
		bodies, accepted := map[string]string{}, map[string]int{}
		for _, a := range rc.got() {
			if err := v.Verify(a.header, []byte(a.body)); err != nil || !strings.HasPrefix(a.id, "bat_") {
				t.Errorf("batch %s: %v", a.id, err)
			}
			if old, seen := bodies[a.id]; seen && old != a.body {
				t.Errorf("%s came again with another body", a.id)
			}
			bodies[a.id] = a.body
			var envelopes []struct{ ID, Type string }
			if err := json.Unmarshal([]byte(a.body), &envelopes); err != nil || len(envelopes) > 10 {
				t.Errorf("%s has %d envelopes, %v", a.id, len(envelopes), err)
			}
			for _, e := range envelopes {
				if a.status/100 == 2 {
					accepted[e.ID]++
				}
				if !published[e.ID] || e.Type != "a.b" {
					t.Errorf("%s has an event %s of type %s", a.id, e.ID, e.Type)
				}
			}
		}
		if len(accepted) != events || len(bodies) > 6 {
			t.Errorf("%d events were accepted in %d batches; want %d in few", len(accepted), len(bodies), events)
		}
		for id, n := range accepted {
			want(t, "times that "+id+" was accepted", n, 1)
		}
		first := rc.got()[0]
		logged := 0
		ds, err := st.ListDeliveries(t.Context(), ep.Tenant, store.DeliveryFilter{Endpoint: ep.ID}, store.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, dl := range ds {
			as, err := st.Attempts(t.Context(), ep.Tenant, dl.ID)
			if err != nil {
				t.Fatal(err)
			}
			if dl.BatchID != first.id {
				continue
			}
			logged++
			if len(as) != 2 || as[0].StatusCode != http.StatusInternalServerError || as[1].StatusCode != http.StatusOK ||
				as[0].BatchID != first.id || as[1].BatchID != first.id {
				t.Errorf("attempts of a member of the batch that was refused = %+v; want two of its own", as)
			}
		}
		want(t, "members of the first batch", logged, strings.Count(first.body, `"id":"evt_`))
	})
}

// A test send has the format of what will come: a batch of one.
func TestTestSendIsABatch(t *testing.T) {
	t.Parallel()
	h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
	rc := newReceiver(t, nil)
	ep, secret := h.create(webhook.Endpoint{URL: rc.URL, Batch: webhook.Batch{MaxEvents: 10}})
	a, err := h.TestSend(t.Context(), ep.Tenant, ep.ID, event("a.b", 1))
	if err != nil || a.StatusCode != http.StatusNoContent {
		t.Fatalf("TestSend = %+v, %v", a, err)
	}
	v, err := signer.NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	got := rc.got()[0]
	if err := v.Verify(got.header, []byte(got.body)); err != nil || a.BatchID == "" || got.id != a.BatchID || !strings.HasPrefix(got.body, `[{"id":"evt_`) {
		t.Errorf("a test send to an endpoint with batches is %s with id %s (batch %q): %v", got.body, got.id, a.BatchID, err)
	}
}
