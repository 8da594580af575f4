package faults_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eraseBite is how many events an erasure may have removed without counting them when
// its process dies.
const eraseBite = 100

// TestFaultErase kills the process that erases a person when it is half way through.
// Another one goes on, and nothing is left of that person, and everything of others.
func TestFaultErase(t *testing.T) {
	// Of 1,000 events the first 4 steps cancel and wait, and 10 remove.
	n, kills := 1000, map[string]*failpoint{"before a step": {Call: "advance job", Nth: 8}}
	if long {
		n, kills["half way"], kills["after a step"] = 100_000, nil, &failpoint{Call: "advance job", After: true, Nth: 600}
	}
	for name, at := range kills {
		t.Run(name, func(t *testing.T) {
			cfg := childConfig{Slots: slots, Lease: 2 * time.Second, Failpoint: at}
			t.Run("SQLite", func(t *testing.T) {
				t.Parallel()
				overSQLite(t, cfg, func(st store.Store, cfg childConfig) { eraseKilled(t, st, cfg, n) })
			})
			t.Run("PostgreSQL", func(t *testing.T) {
				t.Parallel()
				overPostgres(t, cfg, func(st store.Store, cfg childConfig) { eraseKilled(t, st, cfg, n) })
			})
		})
	}
}

// eraseWorld is a store with n events about jane and 250 about janet, and a job that
// erases jane.
func eraseWorld(t *testing.T, st store.Store, n int) (*manage.Manager, manage.Erasure) {
	t.Helper()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	m := manage.New(d)
	ep, _, err := m.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: tenant, URL: "https://receiver.example/"})
	if err != nil {
		t.Fatal(err)
	}
	seedFailed(t, st, ep, n, "jane")
	seedFailed(t, st, ep, 250, "janet")
	at, cancel := context.WithTimeout(t.Context(), time.Second) // nobody delivers yet
	defer cancel()
	e, err := m.Erase(at, tenant, "jane")
	if e.Job == "" {
		t.Fatalf("Erase = %+v, %v; want a job", e, err)
	}
	return m, e
}

// eraseKilled has a child erase, kills it at its failpoint or when half is gone, and
// lets another do the rest.
func eraseKilled(t *testing.T, st store.Store, cfg childConfig, n int) {
	t.Helper()
	began := time.Now()
	m, started := eraseWorld(t, st, n)
	job := func() manage.Erasure {
		e, err := m.Erasure(t.Context(), tenant, started.Job)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	cfg.Life = 1
	first := start(t, cfg)
	awaitJob(t, first, job, func(e manage.Erasure) bool { return e.Events >= n/2 })
	first.kill()
	atKill := job()
	if atKill.State != store.JobRunning {
		t.Fatalf("erasure at the kill = %+v; want it half done: the kill proves nothing", atKill)
	}
	cfg.Life, cfg.Failpoint = 2, nil
	second := start(t, cfg)
	awaitJob(t, second, job, func(e manage.Erasure) bool { return e.State != store.JobRunning })
	second.stop()
	if e := job(); e.State != store.JobDone || e.Events > n || e.Events < n-eraseBite || e.Deliveries != e.Events || e.Attempts != e.Events {
		t.Errorf("erasure = %+v; want %d events with a delivery and an attempt each, but for those of a step", e, n)
	}
	for subject, want := range map[string]int{"jane": 0, "janet": 250} {
		left, err := st.SubjectEvents(t.Context(), tenant, subject, store.Page{Limit: store.MaxPage})
		if err != nil || len(left) != want {
			t.Errorf("events about %s afterwards = %d, %v; want %d", subject, len(left), err, want)
		}
	}
	t.Logf("erased %d, killed after %d, %v", n, atKill.Events, time.Since(began).Round(time.Millisecond))
}

// TestFaultEraseClaims erases 100,000 events while others are published and claimed,
// and compares how long claims take before and meanwhile (requirement 29).
func TestFaultEraseClaims(t *testing.T) {
	if !long {
		t.Skip("POSTRIDER_FAULTS is not long")
	}
	const n = 100_000
	t.Run("SQLite", func(t *testing.T) {
		overSQLite(t, childConfig{}, func(st store.Store, _ childConfig) { eraseBesideClaims(t, st, n) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		overPostgres(t, childConfig{}, func(st store.Store, _ childConfig) { eraseBesideClaims(t, st, n) })
	})
}

// claimTimes is a store that notes how long claims take.
type claimTimes struct {
	store.Store
	mu    sync.Mutex
	times []time.Duration
}

func (s *claimTimes) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	began := time.Now()
	claimed, next, err := s.Store.Poll(ctx, now, epoch, limit, admit)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Since(began))
	return claimed, next, err
}

// taken returns the claims since the last call: how many, their 99th percentile and
// the longest.
func (s *claimTimes) taken() (n int, p99, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.times
	s.times = nil
	if n = len(list); n == 0 {
		return 0, 0, 0
	}
	slices.Sort(list)
	return n, list[n*99/100], list[n-1]
}

func eraseBesideClaims(t *testing.T, st store.Store, n int) {
	t.Helper()
	m, started := eraseWorld(t, st, n)
	timed := &claimTimes{Store: st}
	receiver := newCounter(t)
	d, err := dispatcher.New(timed, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "other", URL: receiver.URL}); err != nil {
		t.Fatal(err)
	}
	publisher, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard}) // hands nothing over
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			if _, err := publisher.Publish(ctx, webhook.Event{Tenant: "other", Type: "a.b", Data: []byte(`1`)}); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	began, gone := time.Now(), false
	for !gone {
		time.Sleep(100 * time.Millisecond)
		e, err := m.Erasure(t.Context(), tenant, started.Job)
		if err != nil {
			t.Fatal(err)
		}
		gone = e.State == store.JobDone
	}
	took := time.Since(began)
	claims, during, longest := timed.taken()
	time.Sleep(took)
	_, after, longestAfter := timed.taken()
	cancel()
	all.Wait()
	t.Logf("erased %d events in %v; %d claims meanwhile, p99 %v, longest %v; afterwards %v and %v", n, took.Round(time.Millisecond), claims, during, longest, after, longestAfter)
	if during > 50*time.Millisecond && during > 3*after { // a slow machine is slow afterwards too
		t.Errorf("p99 of claims while a person is erased = %v, and %v afterwards; want at most 50ms", during, after)
	}
}
