package faults_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestFaultKillServer kills the whole server under load, and starts it again.
func TestFaultKillServer(t *testing.T) {
	take(t, light)
	rounds, longest := 2, 500*time.Millisecond
	if long {
		rounds, longest = 60, 3*time.Second
	}
	if *killRounds > 0 {
		rounds = *killRounds
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.New(t, postgrestest.Options{}), seed, good, sluggish, flaky)
	f.common.Patience = 2 * time.Second
	f.common.Lease = 10 * time.Second
	members := f.enlist(2)
	stop := f.publish()
	began := time.Now()
	var outages outages
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range rounds {
		time.Sleep(200*time.Millisecond + time.Duration(rnd.Int64N(int64(500*time.Millisecond)))) // of load
		outages.make(f, 200*time.Millisecond+time.Duration(rnd.Int64N(int64(longest))))
	}
	stop()
	a := f.finish(members[0])
	t.Logf("F2b PostgreSQL, seed %d, %v: %d outages, %d publish calls in them failed, publishing again after p50 %v, max %v, delivering after p50 %v, max %v; %v",
		seed, time.Since(began).Round(time.Second), rounds, outages.failed,
		quantile(outages.published, 0.5), quantile(outages.published, 1),
		quantile(outages.delivered, 0.5), quantile(outages.delivered, 1), &a.figures)
	a.report(t)
	outages.judge(t)
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none: no dispatcher died", a.figures.duplicates)
	}
}

// outages measures what happens while the server is down, and after.
type outages struct {
	failed, succeeded    int // publish calls from begin to end while it was down
	published, delivered []time.Duration
}

// make kills the server and starts it again after a while.
func (o *outages) make(f *fleet, lasting time.Duration) {
	f.t.Helper()
	f.server.Kill()
	down := time.Now()
	time.Sleep(lasting)
	up := time.Now()
	if err := f.server.Start(); err != nil {
		f.t.Fatal(err)
	}
	accepting := time.Now()
	o.await(f, accepting, f.member(0).log.String)
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	for _, p := range f.ledger.publications {
		switch {
		case p.calledAt.Before(down) || p.answeredAt.After(up) || p.answeredAt.Before(p.calledAt):
		case p.result == acknowledged:
			o.succeeded++
		default:
			o.failed++
		}
	}
}

// await waits until publishing and delivering work again.
func (o *outages) await(f *fleet, since time.Time, said func() string) {
	f.t.Helper()
	var published, delivered time.Duration
	for deadline := since.Add(time.Minute); published == 0 || delivered == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("a minute after the fault: published again after %v, delivered again after %v; 0 means never\n%s",
				published, delivered, said())
		}
		f.ledger.mu.Lock()
		for _, p := range f.ledger.publications {
			if after := p.answeredAt.Sub(since); p.result == acknowledged && p.calledAt.After(since) && (published == 0 || after < published) {
				published = after
			}
		}
		if n := len(f.ledger.requests); n > 0 && delivered == 0 && f.ledger.requests[n-1].at.After(since) {
			delivered = time.Since(since)
		}
		f.ledger.mu.Unlock()
	}
	o.published = append(o.published, published.Round(time.Millisecond))
	o.delivered = append(o.delivered, delivered.Round(time.Millisecond))
	slices.Sort(o.published)
	slices.Sort(o.delivered)
}

func (o *outages) judge(t *testing.T) {
	t.Helper()
	limit := patience(5 * time.Second)
	if most := quantile(o.published, 1); most > limit {
		t.Errorf("publishing worked again %v after the server; want at most %v", most, limit)
	}
	if most := quantile(o.delivered, 1); most > limit {
		t.Errorf("deliveries went out again %v after the server; want at most %v", most, limit)
	}
	if o.succeeded > 0 || o.failed == 0 {
		t.Errorf("without a server %d publish calls succeeded and %d failed; want none, and some", o.succeeded, o.failed)
	}
}

// TestFaultTerminateSessions ends a session of the server at random, again and
// again.
func TestFaultTerminateSessions(t *testing.T) {
	take(t, light)
	lasting := 2 * time.Second
	if long {
		lasting = 2 * time.Minute
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.New(t, postgrestest.Options{}), seed, good, sluggish, flaky)
	f.common.Lease = 10 * time.Second
	members := f.enlist(2)
	stop := f.publish()
	terminated := 0
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < lasting; <-tick.C {
		n := 0
		if err := f.pool.QueryRow(t.Context(), `
			SELECT count(pg_terminate_backend(pid))
			FROM (
				SELECT pid
				FROM pg_stat_activity
				WHERE backend_type = 'client backend'
				AND pid <> pg_backend_pid()
				ORDER BY random()
				LIMIT 1) s`).Scan(&n); err != nil {
			continue // it was the parent's own
		}
		terminated += n
	}
	stop()
	var recovered outages
	again := f.publish()
	recovered.await(f, time.Now(), members[0].log.String)
	again()
	a := f.finish(members[0])
	t.Logf("F2c PostgreSQL, seed %d: %d sessions terminated, publishing again after %v, delivering after %v; %v",
		seed, terminated, recovered.published[0], recovered.delivered[0], &a.figures)
	a.report(t)
	if terminated < 5 {
		t.Errorf("only %d sessions were terminated; that proves nothing", terminated)
	}
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none: no dispatcher died", a.figures.duplicates)
	}
}
