//go:build unix

package faults_test

import (
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// sometimes refuses few enough that its endpoint stays in use.
func sometimes(rnd *rand.Rand) (time.Duration, int) {
	if rnd.IntN(100) < 6 {
		return 0, http.StatusInternalServerError
	}
	return time.Duration(rnd.IntN(10)) * time.Millisecond, http.StatusOK
}

// TestFaultClocks runs three children whose clocks are wrong by -10 minutes, not
// at all and by 10 minutes, and jump by an hour forward, an hour back, and 10
// seconds back. One of them stops for a while, as if collecting garbage. The
// database and the parent have the true time.
func TestFaultClocks(t *testing.T) {
	take(t, none)
	const brief = 2500 * time.Millisecond
	lasting, jumps := brief, "500ms=1h,1s=-1h,1500ms=-10s"
	if long {
		lasting, jumps = 5*time.Minute, everyQuarter()
	}
	postgrestest.Shared(t) // skips the test if that is to be
	binary := skewedBinary(t)
	t.Run("database time", func(t *testing.T) {
		take(t, light)
		r := newSkewRun(t, binary, jumps, "")
		r.live(lasting)
		r.deliver()
		r.judge()
	})
	t.Run("a store that goes by its own clock", func(t *testing.T) {
		take(t, light)
		r := newSkewRun(t, binary, jumps, ownClock)
		r.live(brief)
		for deadline := time.Now().Add(time.Minute); r.stolen() == 0 && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		r.dues.stop()
		if r.stolen() == 0 {
			t.Error("no lease was stolen by a store that compares them with its own clock: the test cannot tell")
		}
	})
}

// TestFaultClockBreaker gives an endpoint that fails to a child whose clock is an
// hour fast, and what is left, when the endpoint has recovered, to one whose clock
// is right.
func TestFaultClockBreaker(t *testing.T) {
	take(t, light)
	f := newFleet(t, postgrestest.Shared(t), seedOf(t), failing)
	f.receivers.lenient.Store(true)
	fast := f.startSkewed(skewedBinary(t), "1h")
	f.load.publishN(fast, 20)
	for deadline := time.Now().Add(20 * time.Second); f.count(`SELECT count(*) FROM health WHERE failures >= 5`) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no circuit breaker opened in 20 seconds\n%s", fast.log.String())
		}
	}
	f.kill(fast)
	right := f.enlist(1)[0]
	f.receivers.healed.Store(true)
	// The dead child's lease, the wait for a probe, and time for the rest.
	if limit := patience(f.common.Lease + 15*time.Second); !f.settleDown(limit) {
		t.Fatalf("deliveries are pending %v after their endpoint has recovered; want them sent by the child whose clock is right\n%s", limit, right.log.String())
	}
	a := f.finish(right)
	a.report(t)
}

// failing never accepts anything.
func failing(*rand.Rand) (time.Duration, int) { return 0, http.StatusInternalServerError }

// everyQuarter is a jump every 15 seconds for five minutes.
func everyQuarter() string {
	var jumps []string
	for n := range 18 {
		after := time.Duration(n+1) * 15 * time.Second
		jumps = append(jumps, after.String()+"="+[]string{"1h", "-1h", "-10s"}[n%3])
	}
	return strings.Join(jumps, ",")
}

// skewRun is three children whose clocks are wrong.
type skewRun struct {
	*fleet
	members []*process
	dues    *dues
	epochs  map[*process]int // that they had at first
	stalled pause
	lasting time.Duration
}

func newSkewRun(t *testing.T, binary, jumps string, lie sabotage) *skewRun {
	t.Helper()
	f := newFleet(t, postgrestest.Shared(t), seedOf(t), good, sometimes, sometimes)
	f.receivers.lenient.Store(true)
	f.load.pace = 80 * time.Millisecond
	f.common.Lease = 10 * time.Second
	f.common.Sabotage = lie
	r := &skewRun{fleet: f}
	for _, off := range []string{"-10m", "0s", "10m"} {
		p := f.startSkewed(binary, off+","+jumps)
		f.join(p)
		r.members = append(r.members, p)
	}
	return r
}

// live publishes for a while.
func (r *skewRun) live(lasting time.Duration) {
	r.t.Helper()
	r.lasting = lasting
	r.dues = r.watchDues()
	stop := r.publish()
	r.epochs = map[*process]int{}
	for _, p := range r.members {
		for r.epochs[p] == 0 && p.alive() {
			r.epochs[p] = r.epoch(p)
		}
	}
	time.Sleep(lasting / 2)
	r.stall(r.members[1])
	time.Sleep(lasting / 2)
	stop()
}

// deliver waits until all is delivered.
func (r *skewRun) deliver() {
	r.t.Helper()
	if !r.settleDown(time.Minute) {
		r.t.Errorf("deliveries are still pending a minute after the last event")
	}
	r.dues.stop()
}

// stolen counts the children that have lost the leases they had.
func (r *skewRun) stolen() (n int) {
	r.t.Helper()
	for p, epoch := range r.epochs {
		if r.epoch(p) != epoch {
			n++
		}
	}
	return n
}

// stall stops a child for less than half of its lease.
func (r *skewRun) stall(p *process) {
	r.t.Helper()
	r.leave(p) // it would not answer
	r.signal(p, syscall.SIGSTOP)
	r.stalled.from = time.Now()
	time.Sleep(min(5*time.Second, r.lasting/4))
	r.signal(p, syscall.SIGCONT)
	r.stalled.to = time.Now()
	r.join(p)
}

func (r *skewRun) judge() {
	t := r.t
	t.Helper()
	stolen := r.stolen()
	a := r.finish(r.members[0])
	early, late, compared := r.dues.compare(r.stalled)
	untimely := 0
	for _, req := range r.ledger.requests {
		if req.untimely {
			untimely++
		}
	}
	t.Logf("F6, seed %d, %v: %d leases stolen, %d retries at most %v early and %v late, %d of %d signatures at a time the receiver would refuse; %v",
		r.load.seed, r.lasting, stolen, compared, early, late, untimely, len(r.ledger.requests), &a.figures)
	a.report(t)
	if stolen > 0 {
		t.Errorf("%d children lost their leases while they lived; want none", stolen)
	}
	if a.figures.duplicates > 0 {
		t.Errorf("%d deliveries were accepted twice; want none", a.figures.duplicates)
	}
	if compared == 0 || untimely == 0 {
		t.Errorf("%d retries were compared and %d signatures were untimely; want some: the clocks were not wrong", compared, untimely)
	}
	if limit := time.Second; early > limit {
		t.Errorf("an attempt came %v before it was due by the database's time; want at most %v", early, limit)
	}
	if limit := patience(2 * time.Second); late > limit {
		t.Errorf("an attempt came %v after it was due by the database's time; want at most %v", late, limit)
	}
}

// startSkewed starts a child from a binary with a clock that is wrong.
func (f *fleet) startSkewed(binary, clock string) *process {
	f.t.Helper()
	cfg := f.common
	cfg.Life = f.ledger.begin()
	p, err := tryStart(f.t, cfg, func(c *exec.Cmd) {
		c.Path = binary
		c.Env = append(c.Env, "POSTRIDER_CLOCK="+clock)
	})
	if err != nil {
		f.t.Fatalf("start a child: %v\n%s", err, p.log.String())
	}
	return p
}

// dues are when the database said that retries were due.
type dues struct {
	f       *fleet
	end     chan struct{}
	done    sync.WaitGroup
	endOnce func()

	at map[attemptKey]time.Time
}

// attemptKey is a delivery and how many attempts came before.
type attemptKey struct {
	delivery string
	attempts int
}

// watchDues looks at the queue until it is stopped.
func (f *fleet) watchDues() *dues {
	d := &dues{f: f, end: make(chan struct{}), at: map[attemptKey]time.Time{}}
	d.endOnce = sync.OnceFunc(func() { close(d.end) })
	f.t.Cleanup(d.stop)
	d.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-d.end:
				return
			case <-tick.C:
			}
			if err := d.look(); err != nil {
				f.t.Errorf("look at the queue: %v", err)
				return
			}
		}
	})
	return d
}

func (d *dues) stop() {
	d.endOnce()
	d.done.Wait()
}

func (d *dues) look() error {
	rows, err := d.f.pool.Query(d.f.t.Context(), `
		SELECT delivery, attempts, due
		FROM `+d.f.common.Schema+`.queue
		WHERE owner = 0
		AND attempts > 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k attemptKey
		var due int64
		if err := rows.Scan(&k.delivery, &k.attempts, &due); err != nil {
			return err
		}
		d.at[k] = time.UnixMicro(due)
	}
	return rows.Err()
}

// compare returns how early and how late requests arrived at most, and how many
// were compared. What fell due just before or while a child was stopped may have
// been in its hands.
func (d *dues) compare(stopped pause) (early, late time.Duration, n int) {
	f := d.f
	f.t.Helper()
	rows, err := f.pool.Query(f.t.Context(), `SELECT id, event, endpoint FROM `+f.common.Schema+`.deliveries`)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	requests := f.sends()
	for rows.Next() {
		var id, event, endpoint string
		if err := rows.Scan(&id, &event, &endpoint); err != nil {
			f.t.Fatal(err)
		}
		receiver := slices.IndexFunc(f.receivers.all, func(r *receiver) bool { return r.endpoint.ID == endpoint })
		for i, r := range requests[pair{event, receiver}] {
			due, ok := d.at[attemptKey{id, i}]
			if !ok || due.After(stopped.from.Add(-time.Second)) && due.Before(stopped.to) {
				continue
			}
			n++
			early, late = max(early, due.Sub(r.at)), max(late, r.at.Sub(due))
		}
	}
	if rows.Err() != nil {
		f.t.Fatal(rows.Err())
	}
	return early.Round(time.Millisecond), late.Round(time.Millisecond), n
}
