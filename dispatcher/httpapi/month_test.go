package httpapi_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

var monthDeliveries = flag.Int("month.deliveries", 2000, "deliveries of 30 days that TestMonth counts and lists; with 1000000, which takes minutes, it also holds the times to bounds")

const (
	monthLength = 30 * 24 * time.Hour
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
	endpoint := fillMonth(t, path, end, *monthDeliveries)
	for name, q := range map[string]manage.AnalyticsQuery{
		"by day":         {Interval: manage.IntervalDay},
		"by hour":        {Interval: manage.IntervalHour},
		"of an endpoint": {Interval: manage.IntervalHour, Endpoint: endpoint},
		"of a type":      {Interval: manage.IntervalHour, EventType: "t1"},
	} {
		q.From, q.To = end.Add(-monthLength), end
		want := int64(*monthDeliveries)
		if q.EventType != "" {
			want /= 4
		}
		m := openMonth(t, path)
		began := time.Now()
		a, err := m.Analytics(t.Context(), acme, q)
		took := time.Since(began)
		if err != nil || a.Totals.Attempts != want || a.Totals.Delivered != want || a.Previous.Attempts != 0 {
			t.Errorf("Analytics %s = %d attempts, %d delivered, %v; want all %d", name, a.Totals.Attempts, a.Totals.Delivered, err, want)
		}
		inMonth(t, "analytics "+name, took, monthAnalytics)
	}
	took := pagesOf(t, openMonth(t, path), endpoint)
	inMonth(t, "99 of 100 pages of the log", took[len(took)*99/100], monthPage)
}

// inMonth holds a time to its bound, if there are as many deliveries as it is for.
func inMonth(t *testing.T, what string, took, most time.Duration) {
	t.Helper()
	t.Logf("%-28s %v", what, took)
	if *monthDeliveries >= 1_000_000 && took > most {
		t.Errorf("%s with %d deliveries took %v; want at most %v", what, *monthDeliveries, took, most)
	}
}

// openMonth returns what manages the file in a new process.
func openMonth(t *testing.T, path string) *manage.Manager {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	return manage.New(d)
}

// pagesOf reads pages of an endpoint's log, one after the other and by status and type, and
// returns how long each took, shortest first.
func pagesOf(t *testing.T, m *manage.Manager, endpoint string) (took []time.Duration) {
	t.Helper()
	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	path := "/webhooks/" + endpoint + "/deliveries?limit=100"
	for _, filter := range []string{"", "&status=delivered", "&status=failed", "&event_type=t1"} {
		cursor := ""
		for range 50 {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+filter+cursor, nil)
			r.Header.Set("Authorization", asAdmin)
			rec := httptest.NewRecorder()
			began := time.Now()
			api.ServeHTTP(rec, r)
			took = append(took, time.Since(began))
			page := reply{t, "GET " + path, rec.Code, rec.Header(), rec.Body.String()}.is(http.StatusOK)
			next, more := page.get("next").(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
	}
	if len(took) < 10 {
		t.Errorf("%d pages were read; want some", len(took))
	}
	slices.Sort(took)
	return took
}

// fillMonth writes n deliveries of an endpoint that end at regular intervals.
func fillMonth(t *testing.T, path string, end time.Time, n int) (endpoint string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := sqlite.Open(ctx, path)
	must(err)
	defer st.Close()
	at := end.Add(-monthLength)
	epoch, err := st.Acquire(ctx, at, store.Process{}, 2*monthLength)
	must(err)
	ep := store.EndpointRecord{Endpoint: webhook.Endpoint{ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: acme}}
	ep, err = st.CreateEndpoint(ctx, at, ep, store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: acme, Endpoint: ep.ID}, store.Creation{})
	must(err)
	_, revision, err := st.TenantEndpoints(ctx, acme, 0)
	must(err)
	const together = 23 // in a transaction: one a minute for a million
	step := monthLength / time.Duration((n+together-1)/together)
	folded := at
	for done := 0; done < n; done += together {
		var pubs []store.Publication
		var items []store.Settled
		for i := range min(together, n-done) {
			eventType := []string{"t0", "t1", "t2", "t3"}[(done+i)%4]
			id := webhook.NewID(webhook.PrefixDelivery)
			pubs = append(pubs, store.Publication{
				Event:    webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: eventType, Data: []byte("1"), Timestamp: at},
				Revision: revision, Epoch: epoch, Deliveries: []store.NewDelivery{{ID: id, Endpoint: ep.ID, HandOver: true}},
			})
			items = append(items, store.Settled{
				Tenant: acme, Delivery: id, Endpoint: ep.ID, EventType: eventType, Claim: 1, Status: webhook.DeliveryDelivered,
				Attempt: &webhook.Attempt{
					ID: webhook.NewID(webhook.PrefixAttempt), N: 1, At: at, StatusCode: 200,
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
func foldDay(t *testing.T, st *sqlite.Store, at time.Time) {
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
