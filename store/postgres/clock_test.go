package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// schemas are migrated schemas whose clock stands still. Tests take turns with
// them: to migrate one takes longer than a test.
type schemas struct {
	pool   *pgxpool.Pool
	server *postgrestest.Server
	owner  *testing.T

	mu   sync.Mutex
	free []*clock
}

func newSchemas(t *testing.T, pool *pgxpool.Pool, server *postgrestest.Server) *schemas {
	return &schemas{pool: pool, server: server, owner: t}
}

// schema is one of them, lent to a test.
type schema struct {
	t     *testing.T
	name  string
	clock *clock
}

func (s *schemas) take(t *testing.T) *schema {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var c *clock
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = s.migrate(t)
	}
	t.Cleanup(func() {
		c.clean(s.owner)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, c)
	})
	return &schema{t: t, name: c.schema, clock: c}
}

func (s *schemas) migrate(t *testing.T) *clock {
	t.Helper()
	c := &clock{pool: s.pool, schema: s.server.Schema(s.owner)}
	ctx := s.owner.Context()
	if err := postgres.Migrate(ctx, s.pool, postgres.Config{Schema: c.schema}); err != nil {
		t.Fatalf("Migrate = %v; want nil", err)
	}
	for _, text := range []string{
		`CREATE TABLE ` + c.schema + `.clock (us bigint NOT NULL)`,
		`INSERT INTO ` + c.schema + `.clock VALUES (` + c.schema + `.now_us())`,
		`CREATE OR REPLACE FUNCTION ` + c.schema + `.now_us() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
			AS 'SELECT us FROM ` + c.schema + `.clock'`,
	} {
		if _, err := s.pool.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// clock is the clock of a schema. It is set to the time that the store is told
// with each call, as storetest moves it.
type clock struct {
	pool   *pgxpool.Pool
	schema string

	mu  sync.Mutex
	now time.Time
}

func (c *clock) set(ctx context.Context, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Equal(now) {
		return nil
	}
	_, err := c.pool.Exec(ctx, `UPDATE `+c.schema+`.clock SET us = $1`, now.UnixMicro())
	if err == nil {
		c.now = now
	}
	return err
}

// clean removes all rows.
func (c *clock) clean(t *testing.T) {
	for _, table := range []string{
		"sequences", "settings", "tenants", "endpoints", "secrets", "health", "lanes", "blocks", "rates", "quotas", "jobs", "audit", "incidents", "tokens", "creations", "event_types", "queue", "events", "payloads",
		"deliveries", "attempts", "idempotency", "processes", "stats", "uncounted", "subject_keys",
	} {
		if _, err := c.pool.Exec(t.Context(), `DELETE FROM `+c.schema+`.`+table); err != nil {
			t.Errorf("clean %s: %v", table, err)
		}
	}
}

// timed sets the clock before each call that tells the time.
type timed struct {
	*postgres.Store
	clock *clock
}

func (s timed) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.Publish(ctx, now, pubs)
}

func (s timed) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, time.Time{}, err
	}
	return s.Store.Poll(ctx, now, epoch, limit, admit)
}

func (s timed) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.SettleResult{}, err
	}
	return s.Store.Settle(ctx, now, st)
}

func (s timed) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.Cancel(ctx, now, tenant, deliveries, audit...)
}

func (s timed) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.Erased{}, err
	}
	return s.Store.PruneTenant(ctx, now, tenant, before, limit)
}

func (s timed) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.Tailed{}, err
	}
	return s.Store.TailDeliveries(ctx, now, since, asks)
}

func (s timed) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return 0, err
	}
	return s.Store.Lag(ctx, now)
}

func (s timed) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.Redeliver(ctx, now, tenant, delivery, audit...)
}

func (s timed) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.Take(ctx, now, epoch, limit, asking, turn)
}

func (s timed) ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.ChangedHealth(ctx, now, within)
}

func (s timed) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.ReserveRates(ctx, now, reqs)
}

func (s timed) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return 0, err
	}
	return s.Store.Acquire(ctx, now, p, ttl)
}

func (s timed) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.Renew(ctx, now, epoch, ttl)
}

func (s timed) Resign(ctx context.Context, now time.Time, epoch int64) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.Resign(ctx, now, epoch)
}

func (s timed) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return 0, err
	}
	return s.Store.Reap(ctx, now, epoch, ttl, limit)
}

func (s timed) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.EndpointRecord{}, err
	}
	return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
}

func (s timed) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.EndpointRecord{}, err
	}
	return s.Store.UpdateEndpoint(ctx, now, ep, audit...)
}

func (s timed) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.DeleteEndpoint(ctx, now, tenant, id, audit...)
}

func (s timed) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...)
}

func (s timed) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return store.Pruned{}, err
	}
	return s.Store.Prune(ctx, now, r, limit)
}

func (s timed) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.CreateJob(ctx, now, job, audit...)
}

func (s timed) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.CancelJob(ctx, now, tenant, id, audit...)
}

func (s timed) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.LeaseJobs(ctx, now, epoch, limit)
}

func (s timed) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

// timedTx is timed for a transaction of the host.
type timedTx struct {
	store.Tx
	clock *clock
}

func (t timedTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if err := t.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return t.Tx.Publish(ctx, now, pubs)
}

func (s timed) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return webhook.EventType{}, err
	}
	return s.Store.PutEventType(ctx, now, t, audit...)
}

func (s timed) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return nil, err
	}
	return s.Store.CountIncidents(ctx, now, counts)
}

func (s timed) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	if err := s.clock.set(ctx, now); err != nil {
		return webhook.Token{}, err
	}
	return s.Store.CreateToken(ctx, now, t, hash, limit, audit...)
}

func (s timed) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.RevokeToken(ctx, now, tenant, id, audit...)
}

func (s timed) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	if err := s.clock.set(ctx, now); err != nil {
		return err
	}
	return s.Store.UseToken(ctx, now, tenant, id)
}
