package httpapi_test

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

var monthDeliveries = flag.Int("month.deliveries", 2000, "deliveries of 30 days that TestMonth counts and lists; with 1000000, which takes minutes, it also holds the times to bounds")

const (
	monthLength = 30 * 24 * time.Hour
	enough      = 1_000_000 // deliveries for which the bounds are
	// monthAnalytics is what the analytics of a million deliveries may take that nobody
	// has asked for before, and monthPage what 99 of 100 pages of their log may.
	monthAnalytics, monthPage = 100 * time.Millisecond, 20 * time.Millisecond
)

// TestMonth settles deliveries over 30 days, as the engine does, and folds their statistics
// as days go by. Then it asks for the analytics of all of it, each time from a process that
// knows nothing yet, and reads pages of the log.
func TestMonth(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.db")
	end := time.Now().Truncate(time.Hour)
	const together = 23 // in a transaction: one a minute for a million
	endpoint := fillMonth(t, openFile(t, path), end, *monthDeliveries, together)
	for name, q := range map[string]manage.AnalyticsQuery{
		"by day":         {Interval: manage.IntervalDay},
		"by hour":        {Interval: manage.IntervalHour},
		"of an endpoint": {Interval: manage.IntervalHour, Endpoint: endpoint},
		"of a type":      {Interval: manage.IntervalHour, EventType: "t1"},
	} {
		q.From, q.To = end.Add(-monthLength), end
		want, failed := int64(*monthDeliveries), int64(*monthDeliveries/100)
		if q.EventType != "" {
			want, failed = want/4, 0
		}
		m := managerOf(t, openFile(t, path))
		began := time.Now()
		a, err := m.Analytics(t.Context(), acme, q)
		took := time.Since(began)
		if err != nil || a.Totals.Attempts != want || a.Totals.Delivered != want-failed || a.Previous.Attempts != 0 {
			t.Errorf("Analytics %s = %d attempts, %d delivered, %v; want %d, of which %d failed", name, a.Totals.Attempts, a.Totals.Delivered, err, want, failed)
		}
		inMonth(t, "analytics "+name, took, monthAnalytics)
	}
	readLog(t, managerOf(t, openFile(t, path)), endpoint)
}

// inMonth holds a time to its bound, if there are as many deliveries as it is for.
func inMonth(t *testing.T, what string, took, most time.Duration) {
	t.Helper()
	t.Logf("%-28s %v", what, took)
	if *monthDeliveries >= enough && took > most {
		t.Errorf("%s with %d deliveries took %v; want at most %v", what, *monthDeliveries, took, most)
	}
}

// openFile opens a file of SQLite, as a process that knows nothing yet.
func openFile(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// managerOf returns what manages a store.
func managerOf(t *testing.T, st store.Store) *manage.Manager {
	t.Helper()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	return manage.New(d)
}

// fillMonth writes n deliveries of an endpoint that end at regular intervals, so many in a
// transaction. One in a hundred has failed.
func fillMonth(t *testing.T, st store.Store, end time.Time, n, together int) (endpoint string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := end.Add(-monthLength)
	epoch, err := st.Acquire(ctx, at, store.Process{}, 2*monthLength)
	must(err)
	ep := store.EndpointRecord{Endpoint: webhook.Endpoint{ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: acme}}
	ep, err = st.CreateEndpoint(ctx, at, ep, store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: acme, Endpoint: ep.ID}, store.Creation{})
	must(err)
	_, revision, err := st.TenantEndpoints(ctx, acme, 0)
	must(err)
	step := monthLength / time.Duration((n+together-1)/together)
	folded := at
	for done := 0; done < n; done += together {
		var pubs []store.Publication
		var items []store.Settled
		for i := range min(together, n-done) {
			eventType := []string{"t0", "t1", "t2", "t3"}[(done+i)%4]
			id := webhook.NewID(webhook.PrefixDelivery)
			status, code, class := webhook.DeliveryDelivered, 200, webhook.ErrorClass("")
			if (done+i)%100 == 7 {
				status, code, class = webhook.DeliveryFailed, 500, webhook.ClassHTTPStatus
			}
			pubs = append(pubs, store.Publication{
				Event:    webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: eventType, Data: []byte("1"), Timestamp: at},
				Revision: revision, Epoch: epoch, Deliveries: []store.NewDelivery{{ID: id, Endpoint: ep.ID, HandOver: true}},
			})
			items = append(items, store.Settled{
				Tenant: acme, Delivery: id, Endpoint: ep.ID, EventType: eventType, Claim: 1, Status: status,
				Attempt: &webhook.Attempt{
					ID: webhook.NewID(webhook.PrefixAttempt), N: 1, At: at, StatusCode: code, Class: class,
					Timings: webhook.Timings{Total: time.Duration(1+(done+i)%997) * time.Millisecond},
				},
			})
		}
		results, err := st.Publish(ctx, at, pubs)
		must(err)
		if results[0].Outcome != store.PublishStored {
			t.Fatalf("Publish = %v; want it stored", results[0].Outcome)
		}
		settled, err := st.Settle(ctx, at, store.Settlement{Epoch: epoch, Items: items})
		must(err)
		if len(settled.Lost) > 0 {
			t.Fatalf("Settle lost %d of %d", len(settled.Lost), len(items))
		}
		if at = at.Add(step); at.Sub(folded) >= 24*time.Hour {
			folded = at
			foldDay(t, st, at)
		}
	}
	foldDay(t, st, end)
	return ep.ID
}

// foldDay keeps house as a process does, with a retention that removes nothing.
func foldDay(t *testing.T, st store.Store, at time.Time) {
	t.Helper()
	year := 365 * 24 * time.Hour
	for {
		p, err := st.Prune(t.Context(), at, store.Retention{Payloads: year, Deliveries: year, Statistics: year, Audit: year, Tombstones: year}, store.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		if !p.More {
			return
		}
	}
}
