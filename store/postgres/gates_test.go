package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// TestConcurrentLanes is about what SQLite's single writer gives for nothing: what
// becomes of a lane that two processes change at the same time.
func TestConcurrentLanes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	g := &gates{
		d: d, p: d.open(t, nil), other: d.open(t, nil),
		queue: newBrake(t, d, "queue", atCommit), endpoints: newBrake(t, d, "endpoints", atCommit),
		change: newBrake(t, d, "endpoints", atOnce),
	}
	g.epoch, g.second = acquire(t, g.p), acquire(t, g.other)
	for name, run := range map[string]func(*gates, *testing.T){
		"resume before the park":              (*gates).resumeBeforeThePark,
		"resume commits after the park":       (*gates).resumeAfterThePark,
		"resume commits while the park waits": (*gates).resumeWhileTheParkWaits,
		"resume during a turn":                (*gates).resumeDuringATurn,
		"park in an emptying lane":            (*gates).parkInAnEmptyingLane,
		"turn while a park commits":           (*gates).turnWhileAParkCommits,
		"locked is not empty":                 (*gates).lockedIsNotEmpty,
		"changes are seen in their order":     (*gates).changesInTheirOrder,
		"resume during a settle":              (*gates).resumeDuringASettle,
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(t, `DELETE FROM :s.queue`)
			run(g, t)
		})
	}
}

// gates is two processes that each deliver, with brakes for what they do.
type gates struct {
	d                *database
	p, other         *process
	epoch, second    int64
	queue, endpoints *brake // at the commit
	change           *brake // when the endpoint is written, before the lane is
}

// park parks all that is due behind a gate, and calls meanwhile, if there is one,
// before the lane is touched.
func park(t *testing.T, st store.Store, epoch int64, gate store.Gate, meanwhile func()) error {
	_, _, err := st.Poll(t.Context(), time.Now(), epoch, 100, func(store.Waiting) store.Admission {
		if meanwhile != nil {
			meanwhile()
			meanwhile = nil
		}
		return store.Admission{Gate: gate}
	})
	return err
}

// wantDue checks that a lane gets a turn without asking for it.
func (g *gates) wantDue(w *tenant, why string) {
	w.t.Helper()
	due := false
	_, err := g.p.Take(w.t.Context(), time.Now(), g.epoch, 100, nil, func(l store.Lane) store.Turn {
		due = due || l == w.lane()
		return store.Turn{}
	})
	must(w.t, err, "Take")
	if !due {
		w.t.Errorf("Take: the lane is not due; want it: %s", why)
	}
}

const liftedPause = "the pause was just lifted, and nobody would ever look at the lane again"

// paused makes a tenant whose endpoint is paused and has one delivery that waits.
// It returns the gate that follows from the pause.
func (g *gates) paused(t *testing.T) (*tenant, store.Gate) {
	t.Helper()
	w := newTenant(t, g.p)
	must(t, w.update(g.p, webhook.EndpointPaused), "UpdateEndpoint")
	w.waiting(g.p, 1)
	return w, store.Gate{Revision: w.ep.Revision}
}

func (w *tenant) update(st store.Store, status webhook.EndpointStatus) error {
	ep := w.ep.Clone()
	ep.Status = status
	ep, err := st.UpdateEndpoint(w.t.Context(), time.Now(), ep)
	if err == nil {
		w.ep = ep
	}
	return err
}

// resume lifts the pause in the background.
func (g *gates) resume(w *tenant) func() error {
	return background(w.t, func() error { return w.update(g.other, webhook.EndpointActive) })
}

func (g *gates) resumeBeforeThePark(t *testing.T) {
	w, gate := g.paused(t)
	must(t, park(t, g.p, g.epoch, gate, func() { must(t, g.resume(w)(), "UpdateEndpoint") }), "Poll")
	g.wantDue(w, liftedPause)
}

func (g *gates) resumeAfterThePark(t *testing.T) {
	w, gate := g.paused(t)
	g.queue.hold(t)
	parked := background(t, func() error { return park(t, g.p, g.epoch, gate, nil) })
	stopped(t, g.d, g.p)
	resumed := g.resume(w)
	blocked(t, g.d, g.other)
	g.queue.release(t)
	must(t, parked(), "Poll")
	must(t, resumed(), "UpdateEndpoint")
	g.wantDue(w, liftedPause)
}

func (g *gates) resumeWhileTheParkWaits(t *testing.T) {
	w, gate := g.paused(t)
	g.endpoints.hold(t)
	resumed := g.resume(w)
	stopped(t, g.d, g.other)
	parked := background(t, func() error { return park(t, g.p, g.epoch, gate, nil) })
	blocked(t, g.d, g.p)
	g.endpoints.release(t)
	must(t, resumed(), "UpdateEndpoint")
	must(t, parked(), "Poll")
	g.wantDue(w, liftedPause)
}

// resumeDuringATurn is about a gate that replaces the time of the lane.
func (g *gates) resumeDuringATurn(t *testing.T) {
	w, gate := g.paused(t)
	must(t, park(t, g.p, g.epoch, gate, nil), "Poll")
	var resumed func() error
	_, err := g.p.Take(t.Context(), time.Now(), g.epoch, 0, []store.Lane{w.lane()}, func(store.Lane) store.Turn {
		resumed = g.resume(w)
		blocked(t, g.d, g.other)
		return store.Turn{Gate: gate}
	})
	must(t, err, "Take")
	must(t, resumed(), "UpdateEndpoint")
	g.wantDue(w, liftedPause)
}

// parkInAnEmptyingLane parks a delivery while a turn takes the lane's last one.
func (g *gates) parkInAnEmptyingLane(t *testing.T) {
	w := newTenant(t, g.p)
	w.waiting(g.p, 1)
	past := store.Gate{Next: time.Now().Add(-time.Second)}
	must(t, park(t, g.p, g.epoch, past, nil), "Poll")
	w.waiting(g.p, 1)
	var parked func() error
	claimed, err := g.p.Take(t.Context(), time.Now(), g.epoch, 0, []store.Lane{w.lane()}, func(store.Lane) store.Turn {
		parked = background(t, func() error { return park(t, g.other, g.second, past, nil) })
		blocked(t, g.d, g.other)
		return store.Turn{Max: 8}
	})
	must(t, err, "Take")
	must(t, parked(), "Poll of the other process")
	if len(claimed) != 1 {
		t.Errorf("Take = %d deliveries; want the one that was parked before", len(claimed))
	}
	g.wantDue(w, "a delivery was parked while the turn took the last one")
}

// turnWhileAParkCommits gives a lane a turn whose only delivery is being parked.
func (g *gates) turnWhileAParkCommits(t *testing.T) {
	w := newTenant(t, g.p)
	w.waiting(g.p, 1)
	g.queue.hold(t)
	parked := background(t, func() error {
		return park(t, g.other, g.second, store.Gate{Next: time.Now().Add(-time.Second)}, nil)
	})
	stopped(t, g.d, g.other)
	claimed, err := g.p.Take(t.Context(), time.Now(), g.epoch, 100, []store.Lane{w.lane()}, func(store.Lane) store.Turn {
		return store.Turn{Max: 8}
	})
	must(t, err, "Take while another process parks")
	if len(claimed) != 0 {
		t.Errorf("Take = %d deliveries; want none: the other process has them still", len(claimed))
	}
	g.queue.release(t)
	must(t, parked(), "Poll of the other process")
	g.wantDue(w, "a delivery was parked while the turn found none")
}

// lockedIsNotEmpty gives a lane a turn while another transaction has locked its only
// delivery.
func (g *gates) lockedIsNotEmpty(t *testing.T) {
	w := newTenant(t, g.p)
	w.waiting(g.p, 1)
	past := store.Gate{Next: time.Now().Add(-time.Second)}
	must(t, park(t, g.p, g.epoch, past, nil), "Poll")
	tx := g.other.begin(t, pgx.TxOptions{})
	_, err := tx.Exec(t.Context(), g.d.sql(`SELECT FROM :s.queue FOR UPDATE`))
	must(t, err, "SELECT FOR UPDATE")
	claimed, err := g.p.Take(t.Context(), time.Now(), g.epoch, 0, []store.Lane{w.lane()}, func(store.Lane) store.Turn {
		return store.Turn{Max: 8, Gate: past}
	})
	must(t, err, "Take")
	if len(claimed) != 0 {
		t.Errorf("Take = %d deliveries; want none: another transaction has locked the only one", len(claimed))
	}
	must(t, tx.Rollback(t.Context()), "Rollback")
	g.wantDue(w, "its only delivery was locked, not gone")
}

// changesInTheirOrder makes a change while an earlier one has not ended.
func (g *gates) changesInTheirOrder(t *testing.T) {
	a, b := newTenant(t, g.p), newTenant(t, g.other)
	cursor, err := g.p.LatestChange(t.Context())
	must(t, err, "LatestChange")
	g.endpoints.hold(t)
	first := background(t, func() error { return a.update(g.p, webhook.EndpointPaused) })
	stopped(t, g.d, g.p)
	second := background(t, func() error { return b.update(g.other, webhook.EndpointPaused) })
	// For the first, as it must, or with it, at its own commit.
	waitFor(t, "the second change to wait", func() bool { return waits(t, g.d, g.other, "transactionid", "tuple", "advisory") })
	if waits(t, g.d, g.other, "advisory") {
		t.Error("UpdateEndpoint does not wait for an earlier one: committed first, it would hide the other from whoever reads on")
	}
	changed, _, err := g.p.ChangedEndpoints(t.Context(), cursor, 10)
	must(t, err, "ChangedEndpoints")
	latest, err := g.p.LatestChange(t.Context())
	must(t, err, "LatestChange")
	if len(changed) != 0 || latest != cursor {
		t.Errorf("before any commit: %d changed, latest %d; want 0, %d: what is under way would never be reported", len(changed), latest, cursor)
	}
	g.endpoints.release(t)
	must(t, first(), "UpdateEndpoint")
	must(t, second(), "UpdateEndpoint")
	for _, want := range []*tenant{a, b} {
		changed, cursor, err = g.p.ChangedEndpoints(t.Context(), cursor, 1)
		must(t, err, "ChangedEndpoints")
		if len(changed) != 1 || changed[0].ID != want.ep.ID {
			t.Errorf("ChangedEndpoints = %d; want one, in the order of the changes", len(changed))
		}
	}
}

// resumeDuringASettle changes the lane and the health of an endpoint in two
// transactions.
func (g *gates) resumeDuringASettle(t *testing.T) {
	w, gate := g.paused(t)
	w.waiting(g.p, 1)
	claimed := claim(t, g.p, time.Now(), g.epoch, 10)
	failed := delivered(claimed[0], time.Now())
	failed.Status, failed.Health, failed.Due = webhook.DeliveryPending, store.HealthFailure, time.Now().Add(time.Hour)
	settle := func(it store.Settled) error {
		gate.Tenant, gate.Endpoint = w.name, w.ep.ID
		result, err := g.p.Settle(t.Context(), time.Now(), store.Settlement{
			Epoch: g.epoch, Items: []store.Settled{it}, Gates: []store.Gate{gate},
		})
		if err == nil && len(result.Lost) > 0 {
			t.Errorf("Settle lost %d items; want none", len(result.Lost))
		}
		return err
	}
	must(t, settle(failed), "Settle") // so that there is a row for its health
	g.change.hold(t)
	resumed := g.resume(w)
	stopped(t, g.d, g.other)
	failed = delivered(claimed[1], time.Now())
	failed.Status, failed.Health, failed.Due = webhook.DeliveryPending, store.HealthFailure, time.Now().Add(time.Hour)
	var over atomic.Bool
	settled := background(t, func() error { defer over.Store(true); return settle(failed) })
	waitFor(t, "the settle to end or to wait", func() bool {
		return over.Load() || waits(t, g.d, g.p, "transactionid", "tuple")
	})
	g.change.release(t)
	must(t, resumed(), "UpdateEndpoint: it must lock what a settle locks in the same order")
	must(t, settled(), "Settle")
}
