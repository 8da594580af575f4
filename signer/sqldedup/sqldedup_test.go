package sqldedup_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/sqldedup"
)

// claim expects a state of a key and returns the claim.
func claim(t *testing.T, d signer.Deduplicator, key string, want signer.ClaimState) signer.Claim {
	t.Helper()
	c, err := d.Claim(t.Context(), key)
	if err != nil || c.State != want || c.Key != key {
		t.Fatalf("Claim(%s) = %+v, %v; want state %d", key, c, err, want)
	}
	return c
}

func must(t *testing.T, err error, what string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestContract is what every Deduplicator promises, that in memory too.
func TestContract(t *testing.T) {
	contract := func(t *testing.T, d signer.Deduplicator) {
		first := claim(t, d, "evt_1", signer.ClaimFresh)
		claim(t, d, "evt_1", signer.ClaimBusy)
		other := claim(t, d, "evt_2", signer.ClaimFresh)
		must(t, d.Release(t.Context(), first), "Release")
		again := claim(t, d, "evt_1", signer.ClaimFresh) // it had failed
		must(t, d.Finish(t.Context(), again), "Finish")
		claim(t, d, "evt_1", signer.ClaimDone)
		claim(t, d, "evt_2", signer.ClaimBusy) // another key is not touched
		must(t, d.Finish(t.Context(), other), "Finish")
		claim(t, d, "evt_2", signer.ClaimDone)
		must(t, d.Release(t.Context(), again), "Release of a finished claim")
		claim(t, d, "evt_1", signer.ClaimDone) // is still remembered
	}
	t.Run("Memory", func(t *testing.T) {
		d, err := signer.NewMemory(signer.MemoryConfig{})
		must(t, err, "NewMemory")
		contract(t, d)
	})
	eachDatabase(t, func(t *testing.T, d database) { contract(t, d.new(t, sqldedup.Config{})) })
}

func TestClaimsLapse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{})
		dead := claim(t, dd, "evt_1", signer.ClaimFresh)
		d.age(t)
		next := claim(t, dd, "evt_1", signer.ClaimFresh)
		if err := dd.Finish(t.Context(), dead); !errors.Is(err, signer.ErrClaimLost) {
			t.Errorf("Finish of a claim that lapsed = %v; want ErrClaimLost: somebody else handles it", err)
		}
		must(t, dd.Release(t.Context(), dead), "Release of a claim that lapsed")
		claim(t, dd, "evt_1", signer.ClaimBusy) // the next one's
		must(t, dd.Finish(t.Context(), next), "Finish")
		d.age(t)
		claim(t, dd, "evt_1", signer.ClaimFresh) // the memory of it has ended
	})
}

// A claim holds for as long as configured, by the database's clock.
func TestTimes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{Hold: time.Hour, Keep: 100 * time.Hour})
		left := func() time.Duration {
			var until int64
			must(t, d.db.QueryRowContext(t.Context(), "SELECT until FROM webhook_dedup").Scan(&until), "read until")
			return time.Until(time.UnixMicro(until))
		}
		c := claim(t, dd, "evt_1", signer.ClaimFresh)
		if got := left(); got > time.Hour || got < 59*time.Minute {
			t.Errorf("a claim holds for %s more; want an hour", got)
		}
		must(t, dd.Finish(t.Context(), c), "Finish")
		if got := left(); got > 100*time.Hour || got < 100*time.Hour-time.Minute {
			t.Errorf("a handled webhook is remembered for %s more; want 100 hours", got)
		}
	})
}

func TestPrune(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{})
		finish := func(from, to int) {
			for i := from; i < to; i++ {
				must(t, dd.Finish(t.Context(), claim(t, dd, fmt.Sprint("evt_", i), signer.ClaimFresh)), "Finish")
			}
		}
		finish(0, 100)
		d.age(t)
		finish(100, 127)
		if got := d.rows(t); got != 127 {
			t.Fatalf("%d rows after 127 webhooks; want all", got)
		}
		finish(127, 128) // the 128th looks for what is to be forgotten
		if got := d.rows(t); got != 28 {
			t.Errorf("%d rows are left; want the 28 that are remembered: the table would grow for ever", got)
		}
		if n, err := dd.Prune(t.Context()); n != 0 || err != nil {
			t.Errorf("Prune = %d, %v; want nothing to remove", n, err)
		}
	})
}

func TestClaimTx(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{})
		_, err := d.db.ExecContext(t.Context(), "CREATE TABLE orders (id TEXT)")
		must(t, err, "CREATE TABLE")
		// handle is what a receiver does in its own transaction.
		handle := func(end func(*sql.Tx) error) bool {
			tx, err := d.db.BeginTx(t.Context(), nil)
			must(t, err, "BeginTx")
			defer func() { _ = tx.Rollback() }()
			fresh, err := dd.ClaimTx(t.Context(), tx, "evt_1")
			must(t, err, "ClaimTx")
			if fresh {
				_, err = tx.ExecContext(t.Context(), "INSERT INTO orders (id) VALUES ('evt_1')")
				must(t, err, "INSERT")
			}
			must(t, end(tx), "end")
			return fresh
		}
		if !handle((*sql.Tx).Rollback) || !handle((*sql.Tx).Commit) {
			t.Error("ClaimTx of a new key, and of one that was rolled back = false; want true")
		}
		if handle((*sql.Tx).Commit) {
			t.Error("ClaimTx of a key that was committed = true; want false")
		}
		claim(t, dd, "evt_1", signer.ClaimDone)
		var orders int
		must(t, d.db.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&orders), "count")
		if orders != 1 {
			t.Errorf("%d orders; want the one that was committed with the key", orders)
		}
	})
}

// Transactions that claim one key at the same time wait for each other.
func TestClaimTxTogether(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{})
		var mu sync.Mutex
		var wg sync.WaitGroup
		fresh := 0
		for range 8 {
			wg.Go(func() {
				tx, err := d.db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				ok, err := dd.ClaimTx(t.Context(), tx, "evt_1")
				if err == nil {
					err = tx.Commit()
				}
				if err != nil {
					t.Errorf("ClaimTx: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if ok {
					fresh++
				}
			})
		}
		wg.Wait()
		if fresh != 1 {
			t.Errorf("ClaimTx of one key by 8 transactions: %d got it; want 1", fresh)
		}
	})
}

func TestCreateTableTogether(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{Table: "Other_Table_7"})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := dd.CreateTable(t.Context()); err != nil {
					t.Errorf("CreateTable while others do: %v", err)
				}
			})
		}
		wg.Wait()
		claim(t, dd, "evt_1", signer.ClaimFresh)
	})
}

func TestErrorsOfTheDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		dd := d.new(t, sqldedup.Config{Table: "missing"})
		_, claimErr := dd.Claim(t.Context(), "evt_1")
		_, pruneErr := dd.Prune(t.Context())
		for what, err := range map[string]error{
			"claim": claimErr, "prune": pruneErr,
			"finish":  dd.Finish(t.Context(), signer.Claim{Key: "evt_1"}),
			"release": dd.Release(t.Context(), signer.Claim{Key: "evt_1"}),
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "sqldedup: "+what) {
				t.Errorf("%s without a table: error %v; want one that names the operation", what, err)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	db := new(sql.DB)
	for name, cfg := range map[string]sqldedup.Config{
		"no dialect":      {},
		"unknown dialect": {Dialect: 3},
		"table with SQL":  {Dialect: sqldedup.SQLite, Table: "t; DROP TABLE orders"},
		"digit first":     {Dialect: sqldedup.SQLite, Table: "1t"},
		"long table":      {Dialect: sqldedup.SQLite, Table: strings.Repeat("t", 51)},
		"short hold":      {Dialect: sqldedup.SQLite, Hold: time.Millisecond},
		"negative keep":   {Dialect: sqldedup.SQLite, Keep: -time.Hour},
	} {
		if _, err := sqldedup.New(db, cfg); err == nil {
			t.Errorf("New with %s: no error", name)
		}
	}
	if _, err := sqldedup.New(nil, sqldedup.Config{Dialect: sqldedup.SQLite}); err == nil {
		t.Error("New without a database: no error")
	}
}

// Prune meets a row that is being claimed anew in that moment: the claim stays, or the
// next delivery would pass beside it.
func TestPruneLeavesWhatIsClaimedMeanwhile(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect == sqldedup.SQLite {
			t.Skip("there is one writer at a time")
		}
		dd := d.new(t, sqldedup.Config{})
		must(t, dd.Finish(t.Context(), claim(t, dd, "evt_1", signer.ClaimFresh)), "Finish")
		d.age(t)
		tx, err := d.db.BeginTx(t.Context(), nil)
		must(t, err, "BeginTx")
		defer func() { _ = tx.Rollback() }()
		if fresh, err := dd.ClaimTx(t.Context(), tx, "evt_1"); !fresh || err != nil {
			t.Fatalf("ClaimTx of what lapsed = %v, %v; want it to be new", fresh, err)
		}
		pruned := make(chan error, 1)
		go func() {
			_, err := dd.Prune(t.Context())
			pruned <- err
		}()
		waits := func() (n int) {
			must(t, d.db.QueryRowContext(t.Context(), `
				SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
				WHERE NOT l.granted AND a.query LIKE '%DELETE FROM webhook_dedup%'`).Scan(&n), "read locks")
			return n
		}
		for tick := time.NewTicker(time.Millisecond); waits() == 0; <-tick.C {
			select {
			case err := <-pruned:
				t.Fatalf("Prune = %v while the row is locked; want it to wait, or the test proves nothing", err)
			default:
			}
		}
		must(t, tx.Commit(), "Commit")
		must(t, <-pruned, "Prune")
		if n := d.rows(t); n != 1 {
			t.Errorf("%d rows after Prune; want the claim, which was made anew", n)
		}
	})
}
