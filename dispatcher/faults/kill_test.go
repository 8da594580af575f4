package faults_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFaultKillSQLite kills the process that publishes and delivers, again and
// again, on one file.
func TestFaultKillSQLite(t *testing.T) {
	beside(t, heavy)
	rounds, latest := 6, 700*time.Millisecond
	if long {
		rounds, latest = 200, 1500*time.Millisecond
	}
	if *killRounds > 0 {
		rounds, latest = *killRounds, 1500*time.Millisecond
	}
	seed := seedOf(t)
	w := newWorld(t, seed, good, slow, flaky)
	began := time.Now()
	rnd := rand.New(rand.NewPCG(seed, 1))
	points := max(rounds/4, len(failpoints))
	for n := range rounds + points {
		cfg := childConfig{Path: w.path, Slots: slots}
		// The first kill is at random: some failpoints need work left behind.
		if share := (n + 1) * points / (rounds + points); share > n*points/(rounds+points) {
			cfg.Failpoint = new(failpoints[share%len(failpoints)])
			cfg.Failpoint.Nth = 1 + rnd.Int64N(8)
		}
		w.kill(cfg, earliest+time.Duration(rnd.Int64N(int64(latest-earliest))))
	}
	w.finish()
	a := w.audit(w.path)
	t.Logf("F1 SQLite, seed %d, %v: %v", seed, time.Since(began).Round(time.Second), &a.figures)
	a.report(t)
	f := &a.figures
	if f.kills != rounds+points || 10*f.inFlight < 8*f.kills {
		t.Errorf("%d of %d kills hit work in flight; want at least 80 %%: the others prove nothing", f.inFlight, f.kills)
	}
	if !long {
		return // times and shares mean little on a busy machine and a dozen kills
	}
	if p99 := quantile(f.restarts, 0.99); p99 > 2*time.Second {
		t.Errorf("restart to first delivery p99 = %v; want at most 2 s", p99)
	}
	if *killRounds == 0 {
		if f.acknowledged < 50_000 {
			t.Errorf("%d events were acknowledged; want at least 50,000", f.acknowledged)
		}
		if 50*f.duplicates >= f.accepted {
			t.Errorf("%d of %d accepted requests were duplicates; want under 2 %%", f.duplicates, f.accepted)
		}
	}
}

// TestFaultHarnessFindsLies gives the harness stores that break a promise.
func TestFaultHarnessFindsLies(t *testing.T) {
	beside(t, light)
	for _, tt := range []struct {
		lie  sabotage
		want string // how a finding begins
	}{
		{earlyPublish, "I1: mark"},
		{lostSettle, "I6: the end of child"},
	} {
		t.Run(string(tt.lie), func(t *testing.T) {
			seed := seedOf(t)
			w := newWorld(t, seed, good)
			w.kill(childConfig{Path: w.path, Slots: slots, Sabotage: tt.lie}, 300*time.Millisecond)
			w.finish()
			a := w.audit(w.path)
			if !slices.ContainsFunc(a.findings, func(f string) bool { return strings.HasPrefix(f, tt.want) }) {
				t.Errorf("the audit of a store that lies found %q; want one that begins with %q\n%v", a.findings, tt.want, &a.figures)
			}
		})
	}
}

// seedOf returns the seed of a run, and prints it.
func seedOf(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-fault.seed=%d", seed)
	return seed
}

// earliest is the least time from the first acknowledgement to the kill.
const earliest = 50 * time.Millisecond

// kill lets a child live until so long after the first acknowledgement, or until
// its failpoint.
func (w *world) kill(cfg childConfig, after time.Duration) {
	w.t.Helper()
	cfg.Life = w.ledger.begin()
	p := start(w.t, cfg)
	acked, done := w.load.run(p, nil, true)
	select {
	case <-acked:
	case <-p.ended:
		if cfg.Failpoint == nil {
			w.t.Fatalf("a child ended by itself\n%s", p.log.String())
		}
	case <-time.After(startTimeout):
		w.t.Fatalf("no publish was acknowledged in %v\n%s", startTimeout, p.log.String())
	}
	select {
	case <-time.After(after):
	case <-p.ended:
		w.ledger.change(cfg.Life, func(l *life) { l.failpoint = true })
	}
	p.kill()
	done.Wait()
	w.receivers.quiesce()
	w.ledger.end(cfg.Life, true)
	w.ledger.judged(integrity(w.t.Context(), w.path))
}

// finish repeats what is unknown in a last child, which is honest and lives,
// until nothing is pending.
func (w *world) finish() {
	w.t.Helper()
	w.receivers.healed.Store(true)
	cfg := childConfig{Path: w.path, Slots: slots, Life: w.ledger.begin()}
	p := start(w.t, cfg)
	_, done := w.load.run(p, nil, false)
	done.Wait()
	if !allSettle(2*time.Minute, func() int { return int(p.must(order{Do: doPending}).N) }) {
		w.t.Errorf("deliveries are still pending, and for two minutes none has ended")
	}
	p.stop()
	w.receivers.quiesce()
	w.ledger.end(cfg.Life, false)
	w.ledger.judged(integrity(w.t.Context(), w.path))
}
