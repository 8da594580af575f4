package faults_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestFaultFourProcesses has four children publish and deliver side by side,
// without a fault: nothing is sent twice and nothing is lost.
func TestFaultFourProcesses(t *testing.T) {
	take(t, light)
	lasting := 2 * time.Second
	if long {
		lasting = time.Minute
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.Shared(t), seed, good, sluggish, flaky)
	f.common.Lease = 10 * time.Second
	members := f.enlist(4)
	stop := f.publish()
	time.Sleep(lasting)
	stop()
	a := f.finish(members[0])
	t.Logf("4 processes, seed %d, %v: shares %.2f; %v", seed, lasting, f.shares(members, time.Time{}), &a.figures)
	a.report(t)
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none", a.figures.duplicates)
	}
}

// TestFaultFairShare publishes in a process that does not deliver, to three that
// do, and then to four. The short version does not judge the shares: who polls
// just after another finds next to nothing, and both keep their pace for seconds.
func TestFaultFairShare(t *testing.T) {
	take(t, light)
	lasting := 2 * time.Second
	if long {
		lasting = 30 * time.Second
	}
	seed := seedOf(t)
	f := newFleet(t, postgrestest.Shared(t), seed, good, slow)
	f.common.Lease = 10 * time.Second
	publisher := f.start(func(cfg *childConfig) { cfg.Idle = true })
	f.join(publisher)
	workers := []*process{f.start(nil), f.start(nil), f.start(nil)}
	stop := f.publish()
	time.Sleep(time.Second)
	began := time.Now()
	time.Sleep(lasting)
	three := f.shares(workers, began)
	joined := time.Now()
	workers = append(workers, f.start(nil))
	soon := f.awaitShare(workers)
	took := time.Since(joined)
	began = time.Now()
	time.Sleep(lasting)
	four := f.shares(workers, began)
	stop()
	for _, w := range workers {
		f.join(w)
	}
	a := f.finish(publisher)
	t.Logf("shares, seed %d: of three %.2f, of four %.2f; the fourth had its share after %v; %v",
		seed, three, four, took.Round(time.Millisecond), &a.figures)
	a.report(t)
	for _, shares := range [][]float64{three, four} {
		for i, share := range shares {
			if least := 0.5 / float64(len(shares)); share < least && long {
				t.Errorf("process %d of %d delivered %.2f of all; want at least %.2f", i+1, len(shares), share, least)
			}
		}
	}
	if !soon {
		t.Errorf("a process that joined three did not have half of its share after %v", patience(10*time.Second))
	}
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none", a.figures.duplicates)
	}
}

// shares returns which part of the requests since a time came from each child.
func (f *fleet) shares(of []*process, since time.Time) []float64 {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	shares, all := make([]float64, len(of)), 0
	for _, r := range f.ledger.requests {
		if r.at.Before(since) {
			continue
		}
		all++
		for i, p := range of {
			if r.life == p.life() {
				shares[i]++
			}
		}
	}
	for i := range shares {
		shares[i] /= float64(max(all, 1))
	}
	return shares
}

// awaitShare waits at most 10 seconds (see patience) until the last child delivers half of what
// would be even, or more, for one second.
func (f *fleet) awaitShare(of []*process) bool {
	for deadline := time.Now().Add(patience(10 * time.Second)); time.Now().Before(deadline); {
		since := time.Now()
		time.Sleep(time.Second)
		if shares := f.shares(of, since); shares[len(of)-1] >= 0.5/float64(len(of)) {
			return true
		}
	}
	return false
}
