package faults_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// orderingKeys is how many keys the events of these tests have.
const orderingKeys = 100

// orderedEvents returns how many events must be acknowledged.
func orderedEvents() int {
	if long {
		return 100_000
	}
	return 2000
}

// TestFaultOrderSQLite kills the process that delivers in order, until so many
// events were acknowledged.
func TestFaultOrderSQLite(t *testing.T) {
	beside(t, heavy)
	latest := 700 * time.Millisecond
	if long {
		latest = 4 * time.Second
	}
	w := newWorld(t, seedOf(t), shaky, slow)
	w.keepOrderSQLite()
	began := time.Now()
	for w.ledger.count(acknowledged) < orderedEvents() {
		w.kill(childConfig{Path: w.path, Slots: orderSlots}, latest)
	}
	w.finish()
	a := w.audit(w.path)
	a.reportOrder(t, "SQLite", time.Since(began))
}

// TestFaultOrderPostgres kills the child that owns an ordered endpoint, or another
// one, while two others live and take over.
func TestFaultOrderPostgres(t *testing.T) {
	take(t, heavy)
	f := newFleet(t, postgrestest.Shared(t), seedOf(t), shaky, slow)
	f.keepOrder(f.open())
	f.common.Slots = orderSlots
	if !long { // 2000 in the four seconds that four kills take
		f.load.pace = 30 * time.Millisecond
	}
	f.enlist(3)
	stop := f.publish()
	began := time.Now()
	owners := 0
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; f.ledger.count(acknowledged) < orderedEvents() || n < 4; n++ {
		<-tick.C
		victim := f.owner()
		if victim != nil {
			owners++
		} else {
			victim = f.member(n)
		}
		f.kill(victim)
		f.enlist(1)
	}
	stop()
	a := f.finish(f.member(0))
	t.Logf("%d of the kills hit the owner of a lane", owners)
	if owners == 0 {
		t.Error("no kill hit the owner of a lane: that proves nothing")
	}
	a.reportOrder(t, "PostgreSQL", time.Since(began))
}

// TestFaultOrderHarnessFindsLies gives the harness a store that forgets order. On a machine
// that is busy with other things few events of a key are under way at once, so that it may
// take more than one run until two of them change places.
func TestFaultOrderHarnessFindsLies(t *testing.T) {
	beside(t, light)
	var a *audit
	for range 4 {
		w := newWorld(t, seedOf(t), shaky, slow)
		w.keepOrderSQLite()
		w.kill(childConfig{Path: w.path, Slots: orderSlots, Sabotage: noOrder}, time.Second)
		w.finish()
		a = w.audit(w.path)
		if slices.ContainsFunc(a.findings, func(f string) bool { return strings.HasPrefix(f, "I8: ") }) {
			return
		}
	}
	t.Errorf("the audit of a store that forgets order found %q in its last run; want an inversion in one of four\n%v", a.findings, &a.figures)
}

// orderSlots bounds the deliveries under way: so many keys must have a chance to be
// under way at once.
const orderSlots = 64

// keepOrderSQLite makes the endpoints in the file keep order.
func (w *world) keepOrderSQLite() {
	w.t.Helper()
	st, err := sqlite.Open(w.t.Context(), w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keepOrder(st)
	if err := st.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// keepOrder makes the endpoints keep order, and publishers use ordering keys. What
// five kills in a row hit at the head of its key fails, and must not block the key for
// the rest of the test.
func (w *world) keepOrder(st store.Store) {
	w.t.Helper()
	w.ordered, w.load.orderingKeys, w.load.clients = true, orderingKeys, 16
	w.load.pace = 10 * time.Millisecond
	if long {
		w.load.pace = 20 * time.Millisecond
	}
	for _, r := range w.receivers.all {
		ep, err := st.Endpoint(w.t.Context(), tenant, r.endpoint.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		ep.Order = webhook.Order{Enabled: true, OnFailure: webhook.OrderSkip}
		if _, err := st.UpdateEndpoint(w.t.Context(), time.Now(), ep); err != nil {
			w.t.Fatal(err)
		}
	}
}

// owner returns the child that owns an ordered lane, or nil.
func (f *fleet) owner() *process {
	f.t.Helper()
	pid := f.count(`SELECT coalesce(max(pid), 0) FROM processes WHERE epoch = (SELECT max(owner) FROM lanes)`)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.members {
		if p.cmd.Process.Pid == pid {
			return p
		}
	}
	return nil
}

// checkOrder counts the events of an ordering key that first arrived at a receiver
// after one whose Publish had been called when theirs had returned.
func (a *audit) checkOrder() {
	if !a.ordered {
		return
	}
	type line struct {
		receiver int
		key      string
	}
	latest := make(map[line]*publication) // the last to be called of those that have arrived
	seen := make(map[pair]bool)
	for _, r := range a.ledger.requests {
		p := a.ledger.publications[r.key]
		if p == nil || seen[pair{r.id, r.receiver}] {
			continue
		}
		seen[pair{r.id, r.receiver}] = true
		of := line{r.receiver, p.orderingKey}
		last := latest[of]
		if last != nil && p.result == acknowledged && p.answeredAt.Before(last.firstCalledAt) {
			a.figures.inversions++
			a.find("I8", "%s of ordering key %s arrived at receiver %d after %s, which was published %v after it",
				p.key, p.orderingKey, r.receiver, last.key, last.firstCalledAt.Sub(p.answeredAt))
		}
		if last == nil || p.firstCalledAt.After(last.firstCalledAt) {
			latest[of] = p
		}
	}
}

func (a *audit) reportOrder(t *testing.T, database string, took time.Duration) {
	t.Helper()
	t.Logf("order on %s, %v: %d inversions in %d events over %d keys; %v", database, took.Round(time.Second),
		a.figures.inversions, a.figures.acknowledged, orderingKeys, &a.figures)
	a.report(t)
}
