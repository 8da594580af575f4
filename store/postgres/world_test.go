package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// patience is how long a test waits for what must happen. It is for what hangs: a busy
// machine may take its time.
const patience = 2 * time.Minute

// promptly bounds what must not wait for something that would never come, or only after
// the ten seconds that a call to the store is given.
const promptly = 8 * time.Second

// database is a migrated schema. The parts of a test share it, each with a tenant
// of its own.
type database struct {
	server *postgrestest.Server
	schema string
	pool   *pgxpool.Pool // to look at it from outside
}

func newDatabase(t *testing.T, server *postgrestest.Server) *database {
	t.Helper()
	d := &database{server: server, schema: server.Schema(t), pool: server.Pool(t)}
	must(t, postgres.Migrate(t.Context(), d.pool, d.config()), "Migrate")
	return d
}

func (d *database) config() postgres.Config {
	return postgres.Config{Schema: d.schema}
}

// sql writes a statement for the schema, whose name is ":s" in it.
func (d *database) sql(text string) string { return strings.ReplaceAll(text, ":s.", d.schema+".") }

func (d *database) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	_, err := d.pool.Exec(t.Context(), d.sql(text), args...)
	must(t, err, text)
}

// count returns the one number that a query has for an answer.
func (d *database) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	must(t, d.pool.QueryRow(t.Context(), d.sql(query), args...).Scan(&n), query)
	return n
}

// process is a store with connections of its own, which have its name.
type process struct {
	*postgres.Store
	db   *database
	pool *pgxpool.Pool
	name string
}

// open opens the store as another process would. Its pool is configured by change,
// if there is one.
func (d *database) open(t *testing.T, change func(*pgxpool.Config)) *process {
	t.Helper()
	p := d.dial(t, change)
	st, err := postgres.New(t.Context(), p.pool, d.config())
	must(t, err, "New")
	p.Store = st
	return p
}

// dial is open without the store.
func (d *database) dial(t *testing.T, change func(*pgxpool.Config)) *process {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(d.server.DSN())
	must(t, err, "ParseConfig")
	p := &process{db: d, name: "test_" + rand.Text()}
	cfg.MaxConns = 8
	cfg.ConnConfig.RuntimeParams["application_name"] = p.name
	if change != nil {
		change(cfg)
	}
	p.pool, err = pgxpool.NewWithConfig(t.Context(), cfg)
	must(t, err, "NewWithConfig")
	t.Cleanup(p.pool.Close)
	return p
}

// begin begins a transaction of the host, which ends with the test at the latest.
func (p *process) begin(t *testing.T, opts pgx.TxOptions) pgx.Tx {
	t.Helper()
	tx, err := p.pool.BeginTx(t.Context(), opts)
	must(t, err, "BeginTx")
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = tx.Rollback(ctx) }) // it may have ended
	return tx
}

// tenant is a tenant with one endpoint.
type tenant struct {
	t    *testing.T
	name string
	ep   store.EndpointRecord
}

func newTenant(t *testing.T, st store.Store) *tenant {
	t.Helper()
	w := &tenant{t: t, name: "tenant " + rand.Text()}
	w.ep = w.endpoint(st)
	return w
}

// endpoint makes an endpoint.
func (w *tenant) endpoint(st store.Store) store.EndpointRecord {
	w.t.Helper()
	ep := store.EndpointRecord{Endpoint: webhook.Endpoint{
		ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: w.name,
		URL: "https://receiver.example/hooks", EventTypes: []string{"*"},
	}.WithDefaults()}
	secret := store.SecretRecord{
		ID: webhook.NewID(webhook.PrefixSecret), Tenant: w.name, Endpoint: ep.ID, Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Sealed: []byte("sealed"),
	}
	ep, err := st.CreateEndpoint(w.t.Context(), time.Now(), ep, secret, store.Creation{Key: ep.ID, ContentHash: []byte("hash"), KeyExpires: time.Now().AddDate(100, 0, 0)})
	must(w.t, err, "CreateEndpoint")
	return ep
}

func (w *tenant) lane() store.Lane { return store.Lane{Tenant: w.name, Endpoint: w.ep.ID} }

// publication returns a new event with one delivery, at the revision of the
// tenant's endpoint.
func (w *tenant) publication() store.Publication {
	return w.publicationAt(time.Now())
}

func (w *tenant) publicationAt(now time.Time) store.Publication {
	return store.Publication{
		Event: webhook.Event{
			ID: w.idAt(webhook.PrefixEvent, now), Tenant: w.name, Type: "invoice.paid", Data: []byte(`{"id":"inv_1"}`), Timestamp: now,
		},
		ContentHash: []byte("hash of the content"),
		KeyExpires:  now.Add(24 * time.Hour),
		Revision:    w.ep.Revision,
		Deliveries:  []store.NewDelivery{{ID: w.idAt(webhook.PrefixDelivery, now), Endpoint: w.ep.ID}},
	}
}

func (w *tenant) idAt(p webhook.Prefix, at time.Time) string {
	w.t.Helper()
	id, err := webhook.NewIDFrom(p, at, rand.Reader)
	must(w.t, err, "NewIDFrom")
	return id
}

// keyed is publication with an idempotency key.
func (w *tenant) keyed(key string) store.Publication {
	p := w.publication()
	p.Event.IdempotencyKey = key
	return p
}

// waiting publishes n events, one after the other.
func (w *tenant) waiting(st store.Publishing, n int) []store.Publication {
	w.t.Helper()
	pubs := make([]store.Publication, n)
	for i := range pubs {
		pubs[i] = w.publication()
		wantOutcomes(w.t, "Publish", publish(w.t, st, pubs[i]), store.PublishStored)
	}
	return pubs
}

// publish publishes and ends the test if that fails.
func publish(t *testing.T, st interface {
	Publish(context.Context, time.Time, []store.Publication) ([]store.PublishResult, error)
}, pubs ...store.Publication,
) []store.PublishResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	results, err := st.Publish(ctx, time.Now(), pubs)
	must(t, err, "Publish")
	return results
}

func wantOutcomes(t *testing.T, call string, got []store.PublishResult, want ...store.PublishOutcome) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s = %d results; want %d", call, len(got), len(want))
	}
	for i := range want {
		if got[i].Outcome != want[i] {
			t.Errorf("%s: outcome %d = %s; want %s", call, i, outcome(got[i].Outcome), outcome(want[i]))
		}
	}
}

func outcome(o store.PublishOutcome) string {
	return [...]string{"stored", "duplicate", "conflict", "stale", "busy"}[o]
}

// stored reports whether an event is in the database.
func stored(t *testing.T, st store.Publishing, p store.Publication) bool {
	t.Helper()
	found, err := st.Published(t.Context(), []store.EventKey{{Tenant: p.Event.Tenant, ID: p.Event.ID}})
	must(t, err, "Published")
	return len(found) == 1
}

// claim leases all that is due of a tenant; nothing else must be in the schema.
func claim(t *testing.T, st store.Store, now time.Time, epoch int64, most int) []store.Claimed {
	t.Helper()
	claimed, _, err := st.Poll(t.Context(), now, epoch, most, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
	must(t, err, "Poll")
	return claimed
}

func acquire(t *testing.T, st store.Store) int64 {
	t.Helper()
	epoch, err := st.Acquire(t.Context(), time.Now(), store.Process{Host: t.Name()}, time.Hour)
	must(t, err, "Acquire")
	return epoch
}

// delivered is the outcome of a claim that went well.
func delivered(c store.Claimed, at time.Time) store.Settled {
	return store.Settled{
		Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "invoice.paid", Claim: c.Claim,
		Attempt: &webhook.Attempt{ID: webhook.NewID(webhook.PrefixAttempt), N: c.Attempts + 1, At: at, StatusCode: 200},
		Status:  webhook.DeliveryDelivered, Health: store.HealthSuccess,
	}
}

// waitFor waits for what nothing announces.
func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !happened(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s in vain", patience, what)
		}
	}
}

// background runs a call that waits for something, and returns how to get its
// result.
func background[T any](t *testing.T, call func() T) func() T {
	t.Helper()
	result := make(chan T, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		result <- call()
	}()
	t.Cleanup(func() { <-done })
	return func() T {
		t.Helper()
		select {
		case r := <-result:
			return r
		case <-time.After(patience):
			t.Fatalf("a call did not return within %v", patience)
			panic("unreachable")
		}
	}
}

func must(t *testing.T, err error, call string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = error %v; want none", call, err)
	}
}

// unwritten reports whether an error says that nothing was written.
func unwritten(err error) bool { return errors.Is(err, store.ErrUnavailable) }
