package e2e_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func limited(l webhook.Limits) dispatcher.Config {
	return dispatcher.Config{Limits: func(context.Context, string) (webhook.Limits, error) { return l, nil }}
}

// Three processes with many callers each use up a month's events: never over, and
// when the first caller is refused, at most three blocks are left.
func TestMonthlyQuota(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		const limit, block, callers = 600, 6, 4
		var stored, atFirst atomic.Int64
		atFirst.Store(-1)
		var all sync.WaitGroup
		for range 3 {
			h := newHost(t, st, limited(webhook.Limits{EventsPerMonth: limit}))
			for range callers {
				all.Go(func() {
					for i := 0; ; i++ {
						_, err := h.Publish(t.Context(), event("a", i))
						switch {
						case err == nil:
							stored.Add(1)
							continue
						case !errors.Is(err, webhook.ErrQuota):
							t.Errorf("Publish = %v; want nil or a *webhook.QuotaError", err)
						}
						atFirst.CompareAndSwap(-1, stored.Load())
						return
					}
				})
			}
		}
		all.Wait()
		// Those whose Publish had not returned yet are stored too.
		if n := atFirst.Load(); n < limit-3*block-3*callers {
			t.Errorf("stored when the first was refused = %d; want at least %d", n, limit-3*block)
		}
		if n := stored.Load(); n > limit || n < limit-3*block {
			t.Errorf("stored in all = %d; want at most %d, and at most 3 blocks of %d less", n, limit, block)
		}
		used, err := st.QuotaUsed(t.Context(), tenant, webhook.LimitEventsPerMonth, quota.Month(time.Now()))
		if err != nil || used > limit {
			t.Errorf("used = %d, %v; want at most %d", used, err, limit)
		}
		t.Logf("%d stored when the first was refused, %d in all, of %d", atFirst.Load(), stored.Load(), limit)
	})
}

// SQLite has one writer, so a host's transaction that has it reserves in it, while
// others who reserve wait for it; what it rolls back costs nothing.
func TestQuotaInATransactionOfTheOneWriter(t *testing.T) {
	t.Parallel()
	const limit = 12 // blocks of one
	st := openStore(t, databaseFile(t))
	h := newHost(t, st, limited(webhook.Limits{EventsPerMonth: limit, EventsPerSecond: 1000}))
	h.publish(event("a", 0))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range limit {
		tx, err := st.DB().BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		var waits sync.WaitGroup
		if i == 0 {
			waits.Go(func() {
				if _, err := h.Publish(ctx, event("a", "meanwhile")); err != nil {
					t.Errorf("Publish while a transaction of the host goes on = %v; want nil", err)
				}
			})
		}
		if _, err := h.PublishTx(ctx, st.Tx(tx), event("a", i)); err != nil {
			t.Errorf("PublishTx %d = %v; want nil: those before were rolled back", i, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		waits.Wait()
	}
	for range limit - 2 {
		h.publish(event("a", 1))
	}
	if _, err := h.Publish(ctx, event("a", 1)); !errors.Is(err, webhook.ErrQuota) {
		t.Errorf("Publish when the month is used up = %v; want a *webhook.QuotaError", err)
	}
	tx, err := st.DB().BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := h.PublishTx(ctx, st.Tx(tx), event("a", 1)); !errors.Is(err, webhook.ErrQuota) {
		t.Errorf("PublishTx when the month is used up = %v; want a *webhook.QuotaError", err)
	}
}

// A host whose transactions have all connections is told so, soon.
func TestQuotaNeedsAConnection(t *testing.T) {
	t.Parallel()
	st, pool := openPostgres(t, 2)
	h := newHost(t, st, limited(webhook.Limits{EventsPerMonth: 1_000_000}))
	h.create(webhook.Endpoint{URL: "http://127.0.0.1:9999/x"})
	var txs []pgx.Tx
	for range 2 {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
		txs = append(txs, tx)
	}
	begun := time.Now()
	if _, err := h.PublishTx(t.Context(), st.Tx(txs[0]), event("a", 1)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("PublishTx without a free connection = %v; want ErrUnavailable", err)
	}
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("it took %v; want about a second, and not the ten that a call to the store is given", took)
	}
	if err := txs[1].Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.PublishTx(t.Context(), st.Tx(txs[0]), event("a", 1)); err != nil {
		t.Errorf("PublishTx in the same transaction, with a free connection = %v; want nil", err)
	}
}

// Limits cost PublishTx little: nothing is locked in the transactions of hosts, which
// take their time.
func TestQuotaCostsTransactionsLittle(t *testing.T) {
	t.Parallel()
	const callers, work, rounds, wanted = 16, 5 * time.Millisecond, 5, 0.6
	st, pool := openPostgres(t, callers+8)
	hosts := [2]*host{
		newHost(t, st, dispatcher.Config{}),
		newHost(t, st, limited(webhook.Limits{EventsPerSecond: 100_000, EventsPerMonth: 1_000_000})),
	}
	hosts[0].create(webhook.Endpoint{URL: "http://127.0.0.1:9999/x"})
	run := func(limits int) float64 {
		h := hosts[limits]
		var done atomic.Int64
		until := time.Now().Add(300 * time.Millisecond)
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for time.Now().Before(until) {
					tx, err := pool.Begin(t.Context())
					if err == nil {
						_, err = h.PublishTx(t.Context(), st.Tx(tx), event("a", 1))
						time.Sleep(work) // the host's own
						err = errors.Join(err, tx.Commit(t.Context()))
					}
					if err != nil {
						t.Errorf("PublishTx = %v; want nil", err)
						return
					}
					done.Add(1)
				}
			})
		}
		all.Wait()
		return float64(done.Load())
	}
	// A lock that is held in transactions would make it a sixteenth, every time; what else
	// the machine does, only now and then.
	ratio := 0.0
	for try := 0; try < 4 && ratio < wanted; try++ {
		ratio = pairs(rounds, run)
	}
	if ratio < wanted {
		t.Errorf("with limits %d callers publish %.2f of what they do without, want at least %.2f", callers, ratio, wanted)
	}
	t.Logf("with limits %.2f of the rate without", ratio)
}

// pairs runs what is compared, 0 and 1, in turns, and returns the median of the
// ratios of 1 to 0.
func pairs(rounds int, run func(which int) float64) float64 {
	var ratios []float64
	for i := range rounds {
		var got [2]float64
		for _, which := range [2]int{i % 2, 1 - i%2} {
			got[which] = run(which)
		}
		ratios = append(ratios, got[1]/got[0])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}
