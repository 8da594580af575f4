package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/webhook"
)

// database is a store in memory whose server can be killed and started again.
type database struct {
	faultyStore
	memory *memstore.Store
}

func newDatabase() *database {
	memory := memstore.New()
	return &database{faultyStore{Store: memory}, memory}
}

// answer is a call that faultyStore lets pass.
func answer[T any](d *database, call string, run func() (T, error)) (r T, err error) {
	err = d.do(call, func() (err error) { r, err = run(); return err })
	return r, err
}

func (d *database) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	return answer(d, "setting", func() ([]byte, error) { return d.memory.Setting(ctx, name, initial) })
}

func (d *database) LatestChange(ctx context.Context) (int64, error) {
	return answer(d, "latest change", func() (int64, error) { return d.memory.LatestChange(ctx) })
}

func (d *database) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	return answer(d, "lag", func() (time.Duration, error) { return d.memory.Lag(ctx, now) })
}

func (d *database) ChangedEndpoints(ctx context.Context, cursor int64, limit int) (eps []store.EndpointRecord, next int64, err error) {
	next, err = answer(d, "changed endpoints", func() (_ int64, err error) {
		eps, next, err = d.memory.ChangedEndpoints(ctx, cursor, limit)
		return next, err
	})
	return eps, next, err
}

func (d *database) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	return answer(d, "create endpoint", func() (store.EndpointRecord, error) {
		return d.memory.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	})
}

func (d *database) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	return answer(d, "read endpoint", func() (store.EndpointRecord, error) { return d.memory.Endpoint(ctx, tenant, id) })
}

func (d *database) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	return answer(d, "list events", func() ([]webhook.Event, error) { return d.memory.ListEvents(ctx, tenant, page) })
}

func (d *database) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	return answer(d, "lease jobs", func() ([]store.Job, error) { return d.memory.LeaseJobs(ctx, now, epoch, limit) })
}

func (d *database) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	_, err := answer(d, "create job", func() (any, error) { return nil, d.memory.CreateJob(ctx, now, job, audit...) })
	return err
}

func (d *database) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	_, err := answer(d, "advance job", func() (any, error) { return nil, d.memory.AdvanceJob(ctx, now, epoch, step) })
	return err
}

func (d *database) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	return answer(d, "prune", func() (store.Pruned, error) { return d.memory.Prune(ctx, now, r, limit) })
}

// cluster is two databases with a tenant on each.
type cluster struct {
	t       *testing.T
	names   [2]string
	dbs     [2]*database
	tenants [2]string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, names: [2]string{"eu-1", "eu-2"}, dbs: [2]*database{newDatabase(), newDatabase()}}
	st := c.open()
	for i := 0; c.tenants[0] == "" || c.tenants[1] == ""; i++ {
		tenant := fmt.Sprint("tenant ", i)
		name, err := st.Shard(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		if name == c.names[0] {
			c.tenants[0] = tenant
		} else {
			c.tenants[1] = tenant
		}
	}
	return c
}

// open returns the store as a process that starts now has it.
func (c *cluster) open() *sharded.Store {
	c.t.Helper()
	st, err := sharded.New(c.t.Context(), map[string]store.Store{c.names[0]: c.dbs[0], c.names[1]: c.dbs[1]})
	if err != nil {
		c.t.Fatal(err)
	}
	return st
}

// endpoint creates an endpoint of the tenant on a shard.
func (c *cluster) endpoint(w *world, shard int, name string, h receiver, types ...string) webhook.Endpoint {
	return w.create(webhook.Endpoint{
		Tenant: c.tenants[shard], URL: fmt.Sprintf("https://%s-%d.example/", name, shard), EventTypes: types,
	}, h)
}

// event returns an event of the tenant on a shard.
func (c *cluster) event(shard int, eventType string) webhook.Event {
	ev := event(eventType, "data")
	ev.Tenant = c.tenants[shard]
	return ev
}

// statuses counts the deliveries on a shard.
func (c *cluster) statuses(shard int) map[webhook.DeliveryStatus]int {
	c.t.Helper()
	got := map[webhook.DeliveryStatus]int{}
	for after := ""; ; {
		page, err := c.dbs[shard].memory.ListDeliveries(c.t.Context(), c.tenants[shard], store.DeliveryFilter{}, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, d := range page {
			got[d.Status]++
			after = d.ID
		}
		if len(page) < store.MaxPage {
			return got
		}
	}
}

// ledger is what publishers of one tenant were told, and what arrived.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]bool
	arrived map[string]int
	refused int
	slowest time.Duration
}

func (l *ledger) receive(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
	time.Sleep(200 * time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived[req.Header.Get("Webhook-Id")]++
	return &transport.Response{StatusCode: 200}, nil
}

func (l *ledger) arrivals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.arrived)
}

// publish publishes until ctx ends, 25 events a second.
func (l *ledger) publish(ctx context.Context, t *testing.T, d *dispatcher.Dispatcher, ev webhook.Event) {
	for ctx.Err() == nil {
		start := time.Now()
		r, err := d.Publish(context.Background(), ev)
		took := time.Since(start)
		l.mu.Lock()
		switch {
		case err == nil:
			l.acked[r.EventID] = true
		case errors.Is(err, store.ErrUnavailable):
			l.refused++
			l.slowest = max(l.slowest, took)
		default:
			t.Errorf("Publish = %v; want nil or ErrUnavailable", err)
		}
		l.mu.Unlock()
		time.Sleep(40 * time.Millisecond)
	}
}

// requests answers by URL, and unlike network counts nothing.
type requests map[string]receiver

func (r requests) Send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	return r[req.URL](ctx, 0, req)
}
