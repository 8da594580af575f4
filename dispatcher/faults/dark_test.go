package faults_test

import (
	"testing"
	"time"
)

// TestFaultDark (F5) sends to a hundred endpoints, of which none, one, ten and
// fifty accept connections and never answer, with a backlog behind those. The
// others must not notice.
func TestFaultDark(t *testing.T) {
	beside(t, none)
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			beside(t, heavy)
			testDark(t, database)
		})
	}
}

// darkBound is what must hold with so many dark endpoints.
type darkBound struct {
	dark  int
	share float64 // of the healthy rate without them, at least
}

func testDark(t *testing.T, database string) {
	bounds := []darkBound{{0, 1}, {50, 0.8}}
	perSecond, lasting, backlog := 100, 7*time.Second, 10_000
	timeout, known := 2*time.Second, 4500*time.Millisecond
	if long {
		bounds = []darkBound{{0, 1}, {1, 0.95}, {10, 0.9}, {50, 0.8}}
		perSecond, lasting, backlog = 300, 2*time.Minute, 500_000
		timeout, known = 15*time.Second, 30*time.Second
	}
	if *darkFor > 0 {
		lasting = *darkFor
	}
	var base darkFigures
	for _, b := range bounds {
		f := newDarkWorld(t, database, b.dark, timeout, backlog).run(perSecond, lasting, known)
		t.Logf("F5 %s, %v", database, f)
		if b.dark == 0 {
			base = f
		}
		judgeDark(t, f, base, b.share)
		if f.dark > 0 && f.peak == 0 {
			t.Errorf("%d dark: nothing was under way to them; the run proves nothing", f.dark)
		}
	}
}

func judgeDark(t *testing.T, f, base darkFigures, share float64) {
	t.Helper()
	if f.rate < share*base.rate {
		t.Errorf("%d dark: each healthy endpoint gets %.2f/s of %.2f/s without; want %.0f %% at least", f.dark, f.rate, base.rate, 100*share)
	}
	if most := max(2*base.p99, 500*time.Millisecond); f.p99 > patience(most) {
		t.Errorf("%d dark: p99 at healthy ones %v; want at most %v", f.dark, f.p99, most)
	}
	if f.late > 0 {
		t.Errorf("%d dark: %d deliveries to healthy endpoints had not arrived after ten seconds", f.dark, f.late)
	}
	if f.held > darkSlots/4 {
		t.Errorf("%d dark: they hold %d slots of %d; want a quarter at most", f.dark, f.held, darkSlots)
	}
	if !long {
		return // other tests keep the machine busy
	}
	if f.claims > 50*time.Millisecond {
		t.Errorf("%d dark: claims take %v (p99); want at most 50 ms", f.dark, f.claims)
	}
	if more := f.memory - base.memory; more > 64<<20 {
		t.Errorf("%d dark: the process takes %d MiB more than without; want at most 64", f.dark, more>>20)
	}
}
