package faults_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// TestFaultRedelivery kills the process that redelivers many failed deliveries when
// it is half way through. Another one goes on, and each is redelivered once.
func TestFaultRedelivery(t *testing.T) {
	n, rate := 2000, 1000
	if long {
		n, rate = 100_000, 20_000
	}
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "webhooks.db")
		st, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		killHalfWay(t, st, n, childConfig{Path: path, Slots: slots, RedeliverRate: rate})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := postgrestest.Shared(t)
		cfg := childConfig{DSN: server.DSN(), Schema: server.Schema(t), Slots: slots, Lease: 2 * time.Second, RedeliverRate: rate}
		if err := postgres.Migrate(t.Context(), server.Pool(t), postgres.Config{Schema: cfg.Schema}); err != nil {
			t.Fatal(err)
		}
		st, err := postgres.New(t.Context(), server.Pool(t), postgres.Config{Schema: cfg.Schema})
		if err != nil {
			t.Fatal(err)
		}
		killHalfWay(t, st, n, cfg)
	})
}

// counter is a receiver that counts the requests for each event.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	times map[string]int
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{times: make(map[string]int)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.times[r.Header.Get("Webhook-Id")]++
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(c.Close)
	return c
}

// killHalfWay has n failed deliveries redelivered by a child, kills that when it has
// done half of them, and lets another child do the rest.
func killHalfWay(t *testing.T, st store.Store, n int, cfg childConfig) {
	t.Helper()
	began := time.Now()
	receiver := newCounter(t)
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	m := manage.New(d)
	ep, _, err := m.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: tenant, URL: receiver.URL})
	if err != nil {
		t.Fatal(err)
	}
	seedFailed(t, st, ep, n)
	r, err := m.RedeliverMany(t.Context(), tenant, manage.Redelivery{Endpoint: ep.ID})
	if err != nil || r.Matched != n {
		t.Fatalf("RedeliverMany = %+v, %v; want %d matched", r, err, n)
	}
	reach := func(done int, p *process) manage.JobProgress {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			j, err := m.Job(t.Context(), tenant, r.Job)
			if err != nil {
				t.Fatal(err)
			}
			if j.Done+j.Skipped >= done && (done < n || j.State != store.JobRunning) {
				return j
			}
		}
		t.Fatalf("the job did not reach %d of %d\n%s", done, n, p.log.String())
		return manage.JobProgress{}
	}
	cfg.Life = 1
	first := start(t, cfg)
	reach(n/2, first)
	first.kill()
	atKill, err := m.Job(t.Context(), tenant, r.Job)
	if err != nil {
		t.Fatal(err)
	}
	if atKill.State != store.JobRunning || atKill.Done >= n {
		t.Fatalf("job at the kill = %+v; want it half done: the kill proves nothing", atKill)
	}
	cfg.Life = 2
	second := start(t, cfg)
	j := reach(n, second)
	if !second.settleDown(5 * time.Minute) {
		t.Errorf("deliveries are still pending long after the redelivery\n%s", second.log.String())
	}
	second.stop()
	if j.State != store.JobDone || j.Done != n || j.Skipped != 0 || j.Total != n {
		t.Errorf("job = %+v; want %d done", j, n)
	}
	wantRedeliveredOnce(t, st, n)
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	doubled := 0
	for id, times := range receiver.times {
		if times > 2 {
			t.Errorf("event %s arrived %d times; want once, or twice if it was under way at the kill", id, times)
		} else if times == 2 {
			doubled++
		}
	}
	if len(receiver.times) != n || doubled > slots {
		t.Errorf("%d of %d events arrived, %d of them twice; want all, and twice only the %d that may have been under way", len(receiver.times), n, doubled, slots)
	}
	t.Logf("redelivered %d, killed after %d, %d arrived twice, %v", n, atKill.Done, doubled, time.Since(began).Round(time.Millisecond))
}

// wantRedeliveredOnce looks at every delivery: it failed once and was then delivered
// at the next attempt, so it was redelivered once.
func wantRedeliveredOnce(t *testing.T, st store.Store, n int) {
	t.Helper()
	seen, wrong := 0, 0
	for after := ""; ; {
		page, err := st.ListDeliveries(t.Context(), tenant, store.DeliveryFilter{}, store.Page{After: after, Limit: store.MaxPage, Oldest: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			if after = d.ID; d.Status != webhook.DeliveryDelivered || d.Attempts != 2 {
				if wrong++; wrong <= 10 {
					t.Errorf("delivery %s is %s after %d attempts; want delivered at its second", d.ID, d.Status, d.Attempts)
				}
			}
		}
		if seen += len(page); len(page) < store.MaxPage {
			break
		}
	}
	if seen != n || wrong > 10 {
		t.Errorf("%d of %d deliveries are wrong; want %d right ones", wrong, seen, n)
	}
}

// seedFailed stores n events whose deliveries have failed.
func seedFailed(t *testing.T, st store.Store, ep webhook.Endpoint, n int) {
	t.Helper()
	ctx := t.Context()
	now := time.Now()
	epoch, err := st.Acquire(ctx, now, store.Process{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, revision, err := st.TenantEndpoints(ctx, tenant, 0)
	if err != nil {
		t.Fatal(err)
	}
	const batch = 250
	for i := 0; i < n; i += batch {
		var pubs []store.Publication
		s := store.Settlement{Epoch: epoch}
		for j := range batch {
			p := store.Publication{
				Event: webhook.Event{
					ID: webhook.NewID(webhook.PrefixEvent), Tenant: tenant, Type: "a.b", Data: fmt.Append(nil, i+j), Timestamp: now,
				},
				Revision: revision, Epoch: epoch,
				Deliveries: []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: ep.ID, HandOver: true}},
			}
			pubs = append(pubs, p)
			id := p.Deliveries[0].ID
			s.Items = append(s.Items, store.Settled{
				Tenant: tenant, Delivery: id, Endpoint: ep.ID, EventType: "a.b", Claim: 1,
				Attempt: &webhook.Attempt{ID: webhook.NewID(webhook.PrefixAttempt), Tenant: tenant, DeliveryID: id, N: 1, At: now, Class: webhook.ClassTimeout},
				Status:  webhook.DeliveryFailed, Reason: webhook.ReasonAttemptsUsedUp,
			})
		}
		if _, err := st.Publish(ctx, time.Now(), pubs); err != nil {
			t.Fatal(err)
		}
		result, err := st.Settle(ctx, time.Now(), s)
		if err != nil || len(result.Lost) > 0 {
			t.Fatalf("Settle = %d lost, %v; want none", len(result.Lost), err)
		}
	}
	if err := st.Resign(ctx, time.Now(), epoch); err != nil {
		t.Fatal(err)
	}
}
