package sharded_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/store/storetest"
	"github.com/postrider/postrider/webhook"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// TestContractOverPostgres has shards that many processes deliver from, and whose
// clock is the server's.
func TestContractOverPostgres(t *testing.T) {
	server := postgrestest.Shared(t)
	pool := server.Pool(t)
	free := make(chan *pair, 1000) // to migrate a pair takes longer than a case
	storetest.Run(t, func(tc *testing.T) storetest.Harness {
		var p *pair
		select {
		case p = <-free:
		default:
			p = newPair(t, server, pool)
		}
		tc.Cleanup(func() {
			p.exec(t, empty)
			free <- p
		})
		st, shards := p.open(tc)
		again := func(t *testing.T) store.Store { st, _ := p.open(t); return st }
		return storetest.Harness{
			Store: st, Second: again, Reopen: again, Part: 7 * 24 * time.Hour,
			Begin: func(t *testing.T) storetest.HostTx {
				name := shardOf(t, st.Store, "acme")
				tx, err := pool.Begin(t.Context())
				if err != nil {
					t.Fatalf("Begin = %v; want nil", err)
				}
				ctx := context.WithoutCancel(t.Context())
				t.Cleanup(func() { _ = tx.Rollback(ctx) }) // it may have ended
				return storetest.HostTx{
					Tx:       timedTx{st.Tx(name, shards[name].(*postgres.Store).Tx(tx)), t, p},
					Commit:   func() error { return tx.Commit(ctx) },
					Rollback: func() error { return tx.Rollback(ctx) },
				}
			},
		}
	})
}

// pair is two schemas with one clock, which is set to the time that the store is
// told with each call, as storetest moves it.
type pair struct {
	pool    *pgxpool.Pool
	schemas map[string]string // by shard; acme and globex are apart over them

	mu  sync.Mutex
	now time.Time
}

const (
	stopClock = `
		CREATE TABLE SCHEMA.clock (us bigint NOT NULL);
		INSERT INTO SCHEMA.clock VALUES (SCHEMA.now_us());
		CREATE OR REPLACE FUNCTION SCHEMA.now_us() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
			AS 'SELECT us FROM SCHEMA.clock'`
	empty = `
		DO $$
		DECLARE t text;
		BEGIN
			FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'SCHEMA' AND tablename NOT IN ('clock', 'migrations')
			LOOP EXECUTE 'DELETE FROM SCHEMA.' || t; END LOOP;
		END $$`
)

func newPair(t *testing.T, server *postgrestest.Server, pool *pgxpool.Pool) *pair {
	p := &pair{pool: pool, schemas: map[string]string{"eu-1": server.Schema(t), "eu-2": server.Schema(t)}}
	for _, schema := range p.schemas {
		if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: schema}); err != nil {
			t.Errorf("Migrate = %v; want nil", err)
		}
	}
	p.exec(t, stopClock)
	return p
}

// open returns a Store over the pair, and the shards.
func (p *pair) open(t *testing.T) (timed, map[string]store.Store) {
	t.Helper()
	shards := make(map[string]store.Store)
	for name, schema := range p.schemas {
		var err error
		if shards[name], err = postgres.New(t.Context(), p.pool, postgres.Config{Schema: schema}); err != nil {
			t.Fatalf("New = %v; want nil", err)
		}
	}
	return timed{open(t, shards), t, p}, shards
}

func (p *pair) exec(t *testing.T, text string) {
	t.Helper()
	for _, schema := range p.schemas {
		if _, err := p.pool.Exec(context.WithoutCancel(t.Context()), strings.ReplaceAll(text, "SCHEMA", schema)); err != nil {
			t.Error(err)
		}
	}
}

func (p *pair) set(t *testing.T, now time.Time) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.now.Equal(now) {
		p.exec(t, fmt.Sprint(`UPDATE SCHEMA.clock SET us = `, now.UnixMicro()))
		p.now = now
	}
}

// timed sets the clock before each call that tells the time.
type timed struct {
	*sharded.Store
	t    *testing.T
	pair *pair
}

func (s timed) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	s.pair.set(s.t, now)
	return s.Store.Publish(ctx, now, pubs)
}

func (s timed) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	s.pair.set(s.t, now)
	return s.Store.Poll(ctx, now, epoch, limit, admit)
}

func (s timed) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	s.pair.set(s.t, now)
	return s.Store.Take(ctx, now, epoch, limit, asking, turn)
}

func (s timed) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	s.pair.set(s.t, now)
	return s.Store.Settle(ctx, now, st)
}

func (s timed) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	s.pair.set(s.t, now)
	return s.Store.PruneTenant(ctx, now, tenant, before, limit)
}

func (s timed) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	s.pair.set(s.t, now)
	return s.Store.Cancel(ctx, now, tenant, deliveries, audit...)
}

func (s timed) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	s.pair.set(s.t, now)
	return s.Store.TailDeliveries(ctx, now, since, asks)
}

func (s timed) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	s.pair.set(s.t, now)
	return s.Store.Lag(ctx, now)
}

func (s timed) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.Redeliver(ctx, now, tenant, delivery, audit...)
}

func (s timed) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.CreateJob(ctx, now, job, audit...)
}

func (s timed) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.CancelJob(ctx, now, tenant, id, audit...)
}

func (s timed) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	s.pair.set(s.t, now)
	return s.Store.LeaseJobs(ctx, now, epoch, limit)
}

func (s timed) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	s.pair.set(s.t, now)
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

func (s timed) ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error) {
	s.pair.set(s.t, now)
	return s.Store.ChangedHealth(ctx, now, within)
}

func (s timed) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	s.pair.set(s.t, now)
	return s.Store.ReserveRates(ctx, now, reqs)
}

func (s timed) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	s.pair.set(s.t, now)
	return s.Store.Acquire(ctx, now, p, ttl)
}

func (s timed) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	s.pair.set(s.t, now)
	return s.Store.Renew(ctx, now, epoch, ttl)
}

func (s timed) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	s.pair.set(s.t, now)
	return s.Store.Reap(ctx, now, epoch, ttl, limit)
}

func (s timed) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	s.pair.set(s.t, now)
	return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
}

func (s timed) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	s.pair.set(s.t, now)
	return s.Store.UpdateEndpoint(ctx, now, ep, audit...)
}

func (s timed) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.DeleteEndpoint(ctx, now, tenant, id, audit...)
}

func (s timed) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...)
}

func (s timed) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	s.pair.set(s.t, now)
	return s.Store.Prune(ctx, now, r, limit)
}

// timedTx is timed for a transaction of the host.
type timedTx struct {
	store.Tx
	t    *testing.T
	pair *pair
}

func (tx timedTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	tx.pair.set(tx.t, now)
	return tx.Tx.Publish(ctx, now, pubs)
}

func (s timed) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	s.pair.set(s.t, now)
	return s.Store.PutEventType(ctx, now, t, audit...)
}

func (s timed) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	s.pair.set(s.t, now)
	return s.Store.CountIncidents(ctx, now, counts)
}

func (s timed) CreateToken(ctx context.Context, now time.Time, token webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	s.pair.set(s.t, now)
	return s.Store.CreateToken(ctx, now, token, hash, limit, audit...)
}

func (s timed) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	s.pair.set(s.t, now)
	return s.Store.RevokeToken(ctx, now, tenant, id, audit...)
}

func (s timed) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	s.pair.set(s.t, now)
	return s.Store.UseToken(ctx, now, tenant, id)
}
