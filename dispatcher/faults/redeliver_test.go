package faults_test

import (
	"context"
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
// it is half way through, and at the worst moments. Another one goes on, and each is
// redelivered once.
func TestFaultRedelivery(t *testing.T) {
	beside(t, none)
	n, rate := 2000, 1000
	if long {
		n, rate = 100_000, 20_000
	}
	for name, at := range map[string]*failpoint{
		"half way":      nil,
		"before a step": {Call: "advance job", Nth: 7},
		"after a step":  {Call: "advance job", After: true, Nth: 7},
	} {
		t.Run(name, func(t *testing.T) {
			beside(t, none)
			n := n
			if at != nil {
				n = min(n, 1500)
			}
			t.Run("SQLite", func(t *testing.T) {
				take(t, light)
				r := newRedelivered(t, n)
				r.overSQLite(childConfig{Slots: slots, RedeliverRate: rate, Failpoint: at})
				r.report()
			})
			t.Run("PostgreSQL", func(t *testing.T) {
				take(t, light)
				r := newRedelivered(t, n)
				r.overPostgres(childConfig{Slots: slots, Lease: 2 * time.Second, RedeliverRate: rate, Failpoint: at})
				r.report()
			})
		})
	}
}

// TestFaultRedeliveryFindsLies gives it a store that redelivers and counts apart. A kill
// may hit between two steps, where that does no harm.
func TestFaultRedeliveryFindsLies(t *testing.T) {
	beside(t, light)
	for range 3 {
		r := newRedelivered(t, 1500)
		r.linger = betweenSteps
		r.overSQLite(childConfig{Slots: slots, RedeliverRate: 100_000, Sabotage: twoSteps})
		if len(r.findings) > 0 {
			return
		}
	}
	t.Error("a store that redelivers in one transaction and moves the cursor in another was not found out")
}

// redelivered is a run of the test: n failed deliveries that are sent again.
type redelivered struct {
	t        *testing.T
	n        int
	findings []string
	// linger is how long the first child lives when it is half way through.
	linger time.Duration
}

func newRedelivered(t *testing.T, n int) *redelivered { return &redelivered{t: t, n: n} }

// find notes what is not as it should be.
func (r *redelivered) find(format string, args ...any) {
	r.findings = append(r.findings, fmt.Sprintf(format, args...))
}

func (r *redelivered) report() {
	r.t.Helper()
	for _, f := range r.findings[:min(len(r.findings), 20)] {
		r.t.Error(f)
	}
}

func (r *redelivered) overSQLite(cfg childConfig) {
	r.t.Helper()
	overSQLite(r.t, cfg, r.killHalfWay)
}

func (r *redelivered) overPostgres(cfg childConfig) {
	r.t.Helper()
	overPostgres(r.t, cfg, r.killHalfWay)
}

// overSQLite runs a test over a file of its own, which children open as well.
func overSQLite(t *testing.T, cfg childConfig, run func(store.Store, childConfig)) {
	t.Helper()
	cfg.Path = filepath.Join(t.TempDir(), "webhooks.db")
	st, err := sqlite.Open(t.Context(), cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	run(st, cfg)
}

// overPostgres runs a test over a schema of its own.
func overPostgres(t *testing.T, cfg childConfig, run func(store.Store, childConfig)) {
	t.Helper()
	server := postgrestest.Shared(t)
	cfg.DSN, cfg.Schema = server.DSN(), server.Schema(t)
	if err := postgres.Migrate(t.Context(), server.Pool(t), postgres.Config{Schema: cfg.Schema}); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), server.Pool(t), postgres.Config{Schema: cfg.Schema})
	if err != nil {
		t.Fatal(err)
	}
	run(st, cfg)
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

// killHalfWay has the failed deliveries redelivered by a child, kills that at its
// failpoint or when it has done half of them, and lets another child do the rest.
func (r *redelivered) killHalfWay(st store.Store, cfg childConfig) {
	t, n, began := r.t, r.n, time.Now()
	t.Helper()
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
	seedFailed(t, st, ep, n, "")
	started, err := m.RedeliverMany(t.Context(), tenant, manage.Redelivery{Endpoint: ep.ID})
	if err != nil || started.Matched != n {
		t.Fatalf("RedeliverMany = %+v, %v; want %d matched", started, err, n)
	}
	job := func() manage.JobProgress {
		j, err := m.Job(t.Context(), tenant, started.Job)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	cfg.Life = 1
	first := start(t, cfg)
	awaitJob(t, first, job, func(j manage.JobProgress) bool { return j.Done+j.Skipped >= n/2 })
	select {
	case <-first.ended:
	case <-time.After(r.linger):
	}
	first.kill()
	atKill := job()
	if atKill.State != store.JobRunning || atKill.Done >= n {
		t.Fatalf("job at the kill = %+v; want it half done: the kill proves nothing", atKill)
	}
	cfg.Life, cfg.Failpoint = 2, nil
	second := start(t, cfg)
	awaitJob(t, second, job, func(j manage.JobProgress) bool { return j.State != store.JobRunning })
	if !second.settleDown(5 * time.Minute) {
		r.find("deliveries are still pending long after the redelivery\n%s", second.log.String())
	}
	second.stop()
	if j := job(); j.State != store.JobDone || j.Done != n || j.Skipped != 0 || j.Total != n {
		r.find("job = %+v; want %d done", j, n)
	}
	r.wantOnce(st)
	doubled := r.wantArrived(receiver)
	t.Logf("redelivered %d, killed after %d, %d arrived twice, %v", n, atKill.Done, doubled, time.Since(began).Round(time.Millisecond))
}

// awaitJob waits until a job is where it should be, or the process that works on it
// has ended.
func awaitJob[J any](t *testing.T, p *process, job func() J, reached func(J) bool) {
	t.Helper()
	for deadline := time.After(10 * time.Minute); ; {
		select {
		case <-p.ended:
			return
		case <-deadline:
			t.Fatalf("the job is at %+v after ten minutes\n%s", job(), p.log.String())
		case <-time.After(5 * time.Millisecond):
			if reached(job()) {
				return
			}
		}
	}
}

// wantOnce looks at every delivery: it failed once and was then delivered at the next
// attempt, so it was redelivered once.
func (r *redelivered) wantOnce(st store.Store) {
	r.t.Helper()
	seen := 0
	for after := ""; ; {
		page, err := st.ListDeliveries(r.t.Context(), tenant, store.DeliveryFilter{}, store.Page{After: after, Limit: store.MaxPage, Oldest: true})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, d := range page {
			if after = d.ID; d.Status != webhook.DeliveryDelivered || d.Attempts != 2 {
				r.find("delivery %s is %s after %d attempts; want delivered at its second", d.ID, d.Status, d.Attempts)
			}
		}
		if seen += len(page); len(page) < store.MaxPage {
			break
		}
	}
	if seen != r.n {
		r.find("there are %d deliveries; want %d", seen, r.n)
	}
}

// wantArrived looks at what arrived: everything, and twice only what may have been
// under way at the kill. It returns how many those were.
func (r *redelivered) wantArrived(c *counter) (doubled int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, times := range c.times {
		if times > 2 {
			r.find("event %s arrived %d times; want once, or twice if it was under way at the kill", id, times)
		} else if times == 2 {
			doubled++
		}
	}
	if len(c.times) != r.n || doubled > slots {
		r.find("%d of %d events arrived, %d of them twice; want all, and twice at most the %d that may have been under way", len(c.times), r.n, doubled, slots)
	}
	return doubled
}

// seedFailed stores n events about a subject whose deliveries have failed.
func seedFailed(t *testing.T, st store.Store, ep webhook.Endpoint, n int, subject string) {
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
					ID: webhook.NewID(webhook.PrefixEvent), Tenant: tenant, Type: "a.b", Data: fmt.Append(nil, i+j), Timestamp: now, Subject: subject,
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

// AdvanceJob has the failpoints of a redelivery.
func (s *mortalStore) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	s.reach("advance job", false)
	defer s.reach("advance job", true)
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

type twoStepStore struct{ store.Store }

// betweenSteps is how long a twoStepStore rests between its transactions.
const betweenSteps = 50 * time.Millisecond

func (s *twoStepStore) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	for _, id := range step.Redeliver {
		d, err := s.Delivery(ctx, step.Tenant, id)
		if err != nil {
			return err
		}
		if d.Status != step.Status {
			step.Skipped++
			continue
		}
		if err := s.Redeliver(ctx, now, step.Tenant, id); err != nil {
			return err
		}
		step.Done++
	}
	time.Sleep(betweenSteps)
	step.Redeliver = nil
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}
