package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestKeys is about idempotency keys that several transactions use at once.
func TestKeys(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	for name, run := range map[string]func(*testing.T, *database){
		"of an open transaction": keyOfAnOpenTransaction,
		"waited for":             keyIsWaitedFor,
		"in any order":           keysInAnyOrder,
		"taken at once":          keysTakenAtOnce,
		"erased in order":        erasedInOrder,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, d)
		})
	}
}

// keyOfAnOpenTransaction publishes batches while a host's transaction has used
// an idempotency key and does not come to an end.
func keyOfAnOpenTransaction(t *testing.T, d *database) {
	host, p := d.open(t, nil), d.open(t, nil)
	for name, end := range map[string]struct {
		end  func(pgx.Tx, context.Context) error
		want store.PublishOutcome
	}{
		"committed":   {pgx.Tx.Commit, store.PublishDuplicate},
		"rolled back": {pgx.Tx.Rollback, store.PublishStored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTenant(t, p)
			tx := host.begin(t, pgx.TxOptions{})
			first := w.keyed("k")
			wantOutcomes(t, "Tx.Publish", publish(t, host.Tx(tx), first), store.PublishStored)

			batch := []store.Publication{w.publication(), w.keyed("k"), w.publication(), w.keyed("l")}
			began := time.Now()
			got := publish(t, p, batch...)
			if took := time.Since(began); took > promptly {
				t.Errorf("Publish of a batch took %v; want it to give up on a key that is in use after 50 ms", took)
			}
			wantOutcomes(t, "Publish", got, store.PublishStored, store.PublishBusy, store.PublishStored, store.PublishBusy)
			for i, want := range []bool{true, false, true, false} {
				if stored(t, p, batch[i]) != want {
					t.Errorf("publication %d is stored = %v; want %v, as Publish has said", i, !want, want)
				}
			}
			wantOutcomes(t, "Publish of another key, alone", publish(t, p, batch[3]), store.PublishStored)

			must(t, end.end(tx, t.Context()), "end of the transaction")
			again := publish(t, p, batch[1])
			wantOutcomes(t, "Publish once the transaction was "+name, again, end.want)
			if got := again[0].Receipt; end.want == store.PublishDuplicate && (got.EventID != first.Event.ID || !got.Duplicate) {
				t.Errorf("Publish of a duplicate = %+v; want the receipt of the host's event %s", got, first.Event.ID)
			}
		})
	}
}

// keyIsWaitedFor publishes in a transaction a key that another one has used.
func keyIsWaitedFor(t *testing.T, d *database) {
	host, p := d.open(t, nil), d.open(t, nil)
	w := newTenant(t, p)
	first, second := host.begin(t, pgx.TxOptions{}), p.begin(t, pgx.TxOptions{})
	wantOutcomes(t, "Tx.Publish", publish(t, host.Tx(first), w.keyed("k")), store.PublishStored)
	result := background(t, func() outcomes {
		return published(p.Tx(second).Publish(t.Context(), time.Now(), []store.Publication{w.keyed("k")}))
	})
	blocked(t, d, p)
	must(t, first.Commit(t.Context()), "Commit")
	got := result()
	must(t, got.err, "Tx.Publish of a key that was waited for")
	wantOutcomes(t, "Tx.Publish", got.results, store.PublishDuplicate)
	must(t, second.Commit(t.Context()), "Commit")
}

type outcomes struct {
	results []store.PublishResult
	err     error
}

func published(results []store.PublishResult, err error) outcomes { return outcomes{results, err} }

// keysInAnyOrder has a host that takes two keys in its own order, while a batch
// that has taken the second waits for the first. Nobody must be told of a deadlock
// but who can repeat: never the host.
func keysInAnyOrder(t *testing.T, d *database) {
	host, p := d.open(t, nil), d.open(t, nil)
	w := newTenant(t, p)
	for round := range 6 {
		low, high := fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)
		mine, its := high, low
		if round%2 == 1 {
			mine, its = low, high
		}
		tx := host.begin(t, pgx.TxOptions{})
		wantOutcomes(t, "Tx.Publish", publish(t, host.Tx(tx), w.keyed(mine)), store.PublishStored)
		batch := []store.Publication{w.keyed(low), w.keyed(high), w.publication()}
		var over atomic.Bool
		result := background(t, func() outcomes {
			defer over.Store(true)
			return published(p.Publish(t.Context(), time.Now(), batch))
		})
		// It waits for 50 ms, which a busy machine may not notice.
		waitFor(t, "the batch to wait for the host", func() bool { return over.Load() || waits(t, d, p, "transactionid") })
		wantOutcomes(t, "Tx.Publish of the other key", publish(t, host.Tx(tx), w.keyed(its)), store.PublishStored)
		must(t, tx.Commit(t.Context()), "Commit")
		got := result()
		must(t, got.err, "Publish of the batch")
		if o := got.results[2].Outcome; o != store.PublishStored {
			t.Errorf("Publish: the event without a key is %s; want stored", outcome(o))
		}
		for _, r := range got.results[:2] {
			// It may have got its keys a moment after the commit.
			if r.Outcome != store.PublishBusy && r.Outcome != store.PublishDuplicate {
				t.Errorf("Publish: %s; want busy or duplicate: the host has both keys", outcome(r.Outcome))
			}
		}
	}
}

// keysTakenAtOnce has hosts that use the same keys, each in an order of its own,
// in one call. They wait for each other, and nobody twice.
func keysTakenAtOnce(t *testing.T, d *database) {
	p := d.open(t, nil)
	w := newTenant(t, p)
	const rounds, hosts, keys = 5, 4, 256
	once := 0
	for round := range rounds {
		var results []func() outcomes
		for host := range hosts {
			var pubs []store.Publication
			for i := range keys {
				pubs = append(pubs, w.keyed(fmt.Sprintf("%d %d", round, (i*(2*host+1)+host)%keys)))
			}
			tx := p.begin(t, pgx.TxOptions{})
			results = append(results, background(t, func() outcomes {
				got := published(p.Tx(tx).Publish(t.Context(), time.Now(), pubs))
				return outcomes{got.results, errors.Join(got.err, tx.Commit(t.Context()))}
			}))
		}
		for _, result := range results {
			got := result()
			must(t, got.err, "Tx.Publish and Commit")
			for _, r := range got.results {
				if r.Outcome == store.PublishStored {
					once++
				}
			}
		}
	}
	if n := d.count(t, `SELECT count(*) FROM :s.events WHERE tenant = $1`, w.name); n != rounds*keys || once != n {
		t.Errorf("%d events of %d keys, %d reported as stored; want each key stored once", n, rounds*keys, once)
	}
}

// erasedInOrder erases events whose keys were stored the other way round, while somebody
// has the first of the keys: the second must not be taken before it.
func erasedInOrder(t *testing.T, d *database) {
	p := d.open(t, nil)
	w := newTenant(t, p)
	for _, key := range []string{"k 2", "k 1", "k 3"} {
		pub := w.keyed(key)
		pub.Event.Subject = "user/1"
		wantOutcomes(t, "Publish", publish(t, p, pub), store.PublishStored)
	}
	other := d.open(t, nil).begin(t, pgx.TxOptions{})
	_, err := other.Exec(t.Context(), d.sql(`SELECT FROM :s.idempotency WHERE tenant = $1 AND key = 'k 1' FOR UPDATE`), w.name)
	must(t, err, "lock the first key")
	erased := background(t, func() error {
		done, err := p.EraseSubject(t.Context(), time.Now(), w.name, "user/1", 10)
		if err == nil && done.IdempotencyKeys != 3 {
			err = fmt.Errorf("%+v", done)
		}
		return err
	})
	blocked(t, d, p)
	for _, key := range []string{"k 2", "k 3"} {
		if _, err := other.Exec(t.Context(), d.sql(`SELECT FROM :s.idempotency WHERE tenant = $1 AND key = $2 FOR UPDATE NOWAIT`), w.name, key); err != nil {
			t.Errorf("while EraseSubject waits for \"k 1\", %q is locked (%v); want keys taken in their order, as Publish does", key, err)
			break
		}
	}
	must(t, other.Rollback(t.Context()), "Rollback")
	must(t, erased(), "EraseSubject of three events")
}
