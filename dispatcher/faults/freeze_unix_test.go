//go:build unix

package faults_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// freezeLease is short, so that rounds are.
const freezeLease = 2 * time.Second

// crawling answers when the lease of one who stopped while he waited has ended,
// and while one who has taken over waits too.
func crawling(*rand.Rand) (time.Duration, int) {
	return freezeLease * 3 / 2, http.StatusOK
}

// TestFaultFreeze stops a dispatcher for twice its lease, and lets it go on.
func TestFaultFreeze(t *testing.T) {
	take(t, light)
	rounds := 1
	if long {
		rounds = 40
	}
	if *killRounds > 0 {
		rounds = *killRounds
	}
	seed := seedOf(t)
	r := newFreezeRun(t, seed, "")
	for range rounds {
		r.freeze()
	}
	r.join(r.survivor)
	a := r.finish(r.survivor)
	t.Logf("F2d PostgreSQL, seed %d: %d freezes, %d deliveries in hand, %d under way and sent again by the other, %d stale outcomes got as far as the store and were refused, attempts overwritten %d; %v",
		seed, rounds, r.inHand, r.again(), r.refused, r.overwritten, &a.figures)
	a.report(t)
	r.judge()
	if r.again() == 0 {
		t.Error("nothing that a frozen child had in hand was sent again: the freezes prove nothing")
	}
}

// TestFaultFreezeFindsBrokenFence lets the frozen child write what it has no
// right to.
func TestFaultFreezeFindsBrokenFence(t *testing.T) {
	take(t, light)
	r := newFreezeRun(t, 1, noFence)
	r.freeze()
	r.join(r.survivor)
	a := r.finish(r.survivor)
	if !slices.ContainsFunc(a.findings, func(f string) bool { return strings.HasPrefix(f, "I6: request") }) {
		t.Errorf("the audit of a store without a fence found %q; want a request without an attempt\n%v", a.findings, &a.figures)
	}
}

// freezeRun is a child that lives, and one that is stopped now and then.
type freezeRun struct {
	*fleet
	survivor, victim *process
	stopped          []pause
	inHand           int // deliveries that the frozen one owned
	refused          int // outcomes
	overwritten      int // attempts that changed after they were written
}

// pause is when the victim stood still.
type pause struct{ from, to time.Time }

func newFreezeRun(t *testing.T, seed uint64, lie sabotage) *freezeRun {
	t.Helper()
	f := newFleet(t, postgrestest.Shared(t), seed, good, crawling, crawling, crawling)
	// Few for those who answer late, so that who takes over has room for them.
	f.load.pace = 200 * time.Millisecond
	f.load.types = append(slices.Repeat(f.load.types[:1], 7), f.load.types[1:]...)
	f.common.Lease = freezeLease
	r := &freezeRun{fleet: f, survivor: f.start(nil)}
	r.victim = f.start(func(cfg *childConfig) { cfg.Sabotage = lie })
	f.join(r.victim)
	return r
}

func (r *freezeRun) freeze() {
	t := r.t
	t.Helper()
	stop := r.publish()
	time.Sleep(time.Second) // of load
	stale := r.victim.must(order{Do: doStale}).N
	epoch := r.epoch(r.victim)
	r.leave(r.victim) // it would not answer
	stop()
	r.signal(r.victim, syscall.SIGSTOP)
	p := pause{from: time.Now()}
	inHand := r.count(`SELECT count(*) FROM queue WHERE owner = $1`, epoch)
	time.Sleep(2 * freezeLease)
	if left := r.count(`SELECT count(*) FROM queue WHERE owner = $1`, epoch); left > 0 && long {
		t.Errorf("after twice the lease, %d deliveries of the frozen child are not taken over", left)
	}
	before := r.attempts()
	p.to = time.Now()
	r.ledger.change(r.victim.life(), func(l *life) { l.stopped++ })
	r.signal(r.victim, syscall.SIGCONT)
	r.join(r.victim)
	r.repeatUnknown(r.survivor)
	time.Sleep(time.Second) // it writes what it has, and is refused
	for id, attempt := range r.attempts() {
		if was, ok := before[id]; ok && was != attempt {
			r.overwritten++
		}
		delete(before, id)
	}
	r.overwritten += len(before)
	r.refused += int(r.victim.must(order{Do: doStale}).N - stale)
	r.inHand += inHand
	r.stopped = append(r.stopped, p)
}

func (f *fleet) signal(p *process, s syscall.Signal) {
	f.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
}

// attempts returns what the store has of each attempt.
func (r *freezeRun) attempts() map[string]string {
	r.t.Helper()
	rows, err := r.pool.Query(r.t.Context(), `SELECT id, a::text FROM `+r.common.Schema+`.attempts a`)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			r.t.Fatal(err)
		}
		all[id] = text
	}
	if rows.Err() != nil {
		r.t.Fatal(rows.Err())
	}
	return all
}

// again counts the deliveries that another sent again while the victim stood
// still with them in hand.
func (r *freezeRun) again() (n int) {
	for _, p := range r.stopped {
		sent := map[pair]bool{}
		for _, req := range r.ledger.requests {
			if of := (pair{req.id, req.receiver}); req.life == r.victim.life() && req.at.Before(p.from) {
				sent[of] = true
			} else if sent[of] && req.life != r.victim.life() && req.at.After(p.from) {
				delete(sent, of)
				n++
			}
		}
	}
	return n
}

func (r *freezeRun) judge() {
	r.t.Helper()
	if r.overwritten > 0 {
		r.t.Errorf("%d attempts changed after they were written", r.overwritten)
	}
	for id, requests := range r.sends() {
		if most := r.allowed(requests); len(requests) > most {
			r.t.Errorf("%v was sent %d times; want %d at most", id, len(requests), most)
		}
	}
}

// allowed returns how often a delivery may have been sent: once, and once more
// for each freeze that the victim had it in hand at. No receiver refuses.
func (r *freezeRun) allowed(requests []*request) int {
	most := 1
	for _, p := range r.stopped {
		if slices.ContainsFunc(requests, func(req *request) bool {
			return req.life == r.victim.life() && req.at.Before(p.from) && req.at.After(p.from.Add(-2*freezeLease))
		}) {
			most++
		}
	}
	return most
}
