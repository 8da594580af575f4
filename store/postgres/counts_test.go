package postgres_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestCountsAreExact settles for one process number from two stores, while a third
// adds up what they have noted, and a fourth reads.
func TestCountsAreExact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	settlers := []*process{d.open(t, nil), d.open(t, nil)}
	pruner, reader := d.open(t, nil), d.open(t, nil)
	w := newTenant(t, reader)
	epoch := acquire(t, reader)
	const rounds, batch = 25, 100 // 2,500 of each store: each counts twice by itself
	began := time.Now()
	attempts := func() int64 { return w.attempts(reader, began) }
	var before, after atomic.Int64 // settles that have begun, and that have ended
	var working sync.WaitGroup
	for n, p := range settlers {
		working.Go(func() {
			for i := range rounds {
				if err := w.settleMany(p, epoch, batch, began, fmt.Sprintf("type.%d", (n+i)%3), &before, &after); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stopPruning := repeat(func() {
		if _, err := pruner.Prune(t.Context(), time.Now(), twoWeeks, 10); err != nil {
			t.Errorf("Prune = %v", err)
		}
	})
	stopReading := repeat(func() {
		least := after.Load()
		if got := attempts(); got < least || got > before.Load() {
			t.Errorf("Stats = %d attempts; want %d to %d: each once, from the moment it is settled", got, least, before.Load())
		}
	})
	working.Wait()
	stopPruning()
	stopReading()

	const all = 2 * rounds * batch
	if got := attempts(); got != all {
		t.Errorf("Stats = %d attempts; want %d", got, all)
	}
	for d.count(t, `SELECT count(*) FROM :s.uncounted`) > 0 {
		_, err := pruner.Prune(t.Context(), time.Now(), twoWeeks, 100)
		must(t, err, "Prune")
	}
	if got := attempts(); got != all {
		t.Errorf("Stats = %d attempts once all are counted; want %d", got, all)
	}
	if n := d.count(t, `SELECT sum(attempts) FROM :s.stats WHERE tenant = $1 AND endpoint = '' AND type <> ''`, w.name); n != all {
		t.Errorf("the counts of the event types add up to %d; want %d", n, all)
	}
}

// attempts returns how many attempts are counted of a tenant, about a time.
func (w *tenant) attempts(st store.Statistics, at time.Time) (sum int64) {
	stats, err := st.Stats(w.t.Context(), w.name, store.StatScope{}, at.Add(-time.Hour), at.Add(time.Hour))
	if err != nil {
		w.t.Errorf("Stats = %v; want no error", err)
	}
	for _, s := range stats {
		sum += s.Counts.Attempts
	}
	return sum
}

// repeat does something over and over, until the returned function is called.
func repeat(do func()) (stop func()) {
	var working sync.WaitGroup
	var over atomic.Bool
	working.Go(func() {
		for !over.Load() {
			do()
		}
	})
	return func() {
		over.Store(true)
		working.Wait()
	}
}

// settleMany publishes deliveries that are handed over, and settles them.
func (w *tenant) settleMany(p *process, epoch int64, n int, at time.Time, eventType string, before, after *atomic.Int64) error {
	pubs, items := make([]store.Publication, n), make([]store.Settled, n)
	for i := range pubs {
		pubs[i] = w.publication()
		pubs[i].Epoch, pubs[i].Deliveries[0].HandOver = epoch, true
		items[i] = delivered(store.Claimed{Tenant: w.name, Delivery: pubs[i].Deliveries[0].ID, Endpoint: w.ep.ID, Claim: 1}, at)
		items[i].EventType = eventType
	}
	if _, err := p.Publish(w.t.Context(), time.Now(), pubs); err != nil {
		return err
	}
	before.Add(int64(n))
	result, err := p.Settle(w.t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: items})
	if err == nil && len(result.Lost) > 0 {
		err = fmt.Errorf("%d items were lost", len(result.Lost))
	}
	after.Add(int64(n))
	return err
}

// TestFailuresAreExact settles failures of one endpoint from several processes at
// once: whether it is paused depends on their number.
func TestFailuresAreExact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.open(t, nil)
	w := newTenant(t, p)
	const processes, rounds = 4, 10
	results := make([][]int, processes)
	var working sync.WaitGroup
	for n := range processes {
		other := d.open(t, nil)
		epoch := acquire(t, other)
		working.Go(func() {
			for range rounds {
				pub := w.publication()
				pub.Epoch, pub.Deliveries[0].HandOver = epoch, true
				if _, err := other.Publish(t.Context(), time.Now(), []store.Publication{pub}); err != nil {
					t.Errorf("Publish = %v", err)
				}
				item := delivered(store.Claimed{Tenant: w.name, Delivery: pub.Deliveries[0].ID, Endpoint: w.ep.ID, Claim: 1}, time.Now())
				item.Health = store.HealthFailure
				result, err := other.Settle(t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: []store.Settled{item}})
				if err != nil || len(result.Health) != 1 {
					t.Errorf("Settle = %+v, %v; want one health", result, err)
					return
				}
				results[n] = append(results[n], result.Health[0].Failures)
			}
		})
	}
	working.Wait()
	seen := make(map[int]bool)
	for _, failures := range results {
		for _, n := range failures {
			seen[n] = true
		}
	}
	if len(seen) != processes*rounds || !seen[processes*rounds] {
		t.Errorf("Settle has returned %d different numbers of failures; want 1 to %d, each once", len(seen), processes*rounds)
	}
}
