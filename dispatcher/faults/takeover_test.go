package faults_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestFaultKillPostgres kills one of three children every second, and starts it
// again, while a fourth lives.
func TestFaultKillPostgres(t *testing.T) {
	take(t, light)
	kills := 3
	if long {
		kills = 60
	}
	if *killRounds > 0 {
		kills = *killRounds
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.Shared(t), seed, good, sluggish, flaky)
	survivor := f.enlist(1)[0]
	victims := f.enlist(3)
	stop := f.publish()
	began := time.Now()
	var inherited takeovers
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := range kills {
		<-tick.C
		victim := &victims[n%len(victims)]
		inherited.watch(f, *victim)
		*victim = f.enlist(1)[0]
	}
	inherited.wait()
	stop()
	a := f.finish(survivor)
	t.Logf("F2a PostgreSQL, seed %d, %v: takeover p50 %v, max %v, of %d deliveries; %v", seed, time.Since(began).Round(time.Second),
		quantile(inherited.after, 0.5), quantile(inherited.after, 1), inherited.rows, &a.figures)
	a.report(t)
	if inherited.rows == 0 {
		t.Error("no child had anything in hand when it was killed: that proves nothing")
	}
	if most, limit := quantile(inherited.after, 1), patience(f.common.Lease+2*time.Second); most > limit {
		t.Errorf("a dead child's deliveries were taken over after %v; want at most %v", most, limit)
	}
}

// takeovers measures how long it takes until nothing belongs to the dead.
type takeovers struct {
	watching sync.WaitGroup

	mu    sync.Mutex
	after []time.Duration // sorted, after wait
	rows  int             // that they left behind
}

// watch kills a child and waits, beside, until all it had is taken over.
func (o *takeovers) watch(f *fleet, p *process) {
	f.t.Helper()
	const owned = `SELECT count(*) FROM queue WHERE owner = $1`
	epoch := f.epoch(p)
	f.kill(p)
	killed := time.Now()
	o.watching.Go(func() {
		left, err := f.tryCount(owned, epoch)
		rows := left
		for deadline := killed.Add(time.Minute); left > 0 && time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
			left, err = f.tryCount(owned, epoch)
		}
		if left > 0 || err != nil {
			f.t.Errorf("a minute after a kill %d deliveries of the dead child are not taken over: %v", left, err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.rows += rows
		if rows > 0 {
			o.after = append(o.after, time.Since(killed).Round(time.Millisecond))
		}
	})
}

func (o *takeovers) wait() {
	o.watching.Wait()
	slices.Sort(o.after)
}
