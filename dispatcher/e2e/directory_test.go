package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// interleavings is how many endpoints TestDirectoryIsExact creates and deletes and
// how many events it publishes, in all.
const interleavings = 3000

// member is what is known of one endpoint. The times are of one counter, which
// orders what happened before what in this test, whoever did it.
type member struct {
	id string
	// created is after CreateEndpoint returned, dying before DeleteEndpoint was
	// called, and dead after it returned; 0 is never.
	created, dying, dead int64
}

// published is one event that was published between two times.
type published struct {
	id           string
	began, ended int64
	deliveries   int
}

// membership is one tenant's endpoints, and what was published to them by two
// processes at once.
type membership struct {
	tenant string
	clock  *atomic.Int64

	mu      sync.Mutex
	live    []*member
	members map[string]*member
	events  []published
}

// operation does one thing at random through one of the processes, and returns how
// much of the interleaving it was. Of sixteen, five delete, two create, the others
// publish: a tenant has no endpoint at all for most of the time.
func (ms *membership) operation(ctx context.Context, h *host, url string, random *rand.Rand) (int, error) {
	switch n := random.IntN(16); {
	case n < 5:
		if victim := ms.victim(random); victim != nil {
			return 1, ms.remove(ctx, h, victim)
		}
	case n < 7:
		return 1, ms.add(ctx, h, url)
	}
	return ms.publish(ctx, h, random)
}

// victim returns an endpoint to delete, which is then nobody else's, or nil.
func (ms *membership) victim(random *rand.Rand) *member {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	n := len(ms.live)
	if n == 0 {
		return nil
	}
	i := random.IntN(n)
	m := ms.live[i]
	ms.live[i] = ms.live[n-1]
	ms.live = ms.live[:n-1]
	m.dying = ms.clock.Add(1)
	return m
}

func (ms *membership) add(ctx context.Context, h *host, url string) error {
	ep, _, err := h.manage.CreateEndpoint(ctx, webhook.Endpoint{Tenant: ms.tenant, URL: url})
	if err != nil {
		return err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := &member{id: ep.ID, created: ms.clock.Add(1)}
	ms.members[ep.ID] = m
	ms.live = append(ms.live, m)
	return nil
}

func (ms *membership) remove(ctx context.Context, h *host, m *member) error {
	if err := h.manage.DeleteEndpoint(ctx, ms.tenant, m.id); err != nil {
		return err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m.dead = ms.clock.Add(1)
	return nil
}

// publish publishes one event, or a few together, or one in a transaction.
func (ms *membership) publish(ctx context.Context, h *host, random *rand.Rand) (int, error) {
	ev := event("a", 1)
	ev.Tenant = ms.tenant
	switch n := random.IntN(64); {
	case n == 0:
		return 1, ms.record(func() ([]webhook.Receipt, error) {
			r, err := publishInTx(ctx, h, ev)
			return []webhook.Receipt{r}, err
		})
	case n < 24:
		return 1, ms.record(func() ([]webhook.Receipt, error) {
			r, err := h.Publish(ctx, ev)
			return []webhook.Receipt{r}, err
		})
	}
	return 4, ms.record(func() (receipts []webhook.Receipt, err error) {
		for _, p := range h.PublishMany(ctx, []webhook.Event{ev, ev, ev, ev}) {
			receipts, err = append(receipts, p.Receipt), errors.Join(err, p.Err)
		}
		return receipts, err
	})
}

// record notes when events were published, and to how many endpoints.
func (ms *membership) record(publish func() ([]webhook.Receipt, error)) error {
	began := ms.clock.Add(1)
	receipts, err := publish()
	ended := ms.clock.Add(1)
	if err != nil {
		return err
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, r := range receipts {
		ms.events = append(ms.events, published{id: r.EventID, began: began, ended: ended, deliveries: r.Deliveries})
	}
	return nil
}

func publishInTx(ctx context.Context, h *host, ev webhook.Event) (webhook.Receipt, error) {
	st := h.database.(*sqlite.Store)
	tx, err := st.DB().BeginTx(ctx, nil)
	for err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") && ctx.Err() == nil {
		tx, err = st.DB().BeginTx(ctx, nil) // the wait for the write lock is not a fair one
	}
	if err != nil {
		return webhook.Receipt{}, err
	}
	defer func() { _ = tx.Rollback() }() // after the commit there is nothing to roll back
	r, err := h.PublishTx(ctx, st.Tx(tx), ev)
	if err != nil {
		return r, err
	}
	return r, tx.Commit()
}

// check compares what every event went to with what it had to go to. What was
// created or deleted while it was being published may be matched or not.
func (ms *membership) check(t *testing.T, h *host) (had int) {
	t.Helper()
	type pair struct{ event, endpoint string }
	went, times := make(map[pair]bool), make(map[string]published)
	counts := make(map[string]int)
	for _, ev := range ms.events {
		times[ev.id] = ev
	}
	for _, d := range h.deliveries(ms.tenant, store.DeliveryFilter{}) {
		p := pair{d.EventID, d.EndpointID}
		if went[p] {
			t.Errorf("event %s goes to %s twice", p.event, p.endpoint)
		}
		went[p] = true
		counts[d.EventID]++
		if m := ms.members[d.EndpointID]; m.dead != 0 && m.dead < times[d.EventID].began {
			t.Errorf("event %s goes to %s, whose deletion had returned", p.event, p.endpoint)
		}
	}
	for _, ev := range ms.events {
		want(t, "Deliveries of "+ev.id, ev.deliveries, counts[ev.id])
	}
	for id, m := range ms.members {
		for _, ev := range ms.events {
			if m.created < ev.began && (m.dying == 0 || m.dying > ev.ended) {
				if had++; !went[pair{ev.id, id}] {
					t.Errorf("event %s does not go to %s, which was there all the time", ev.id, id)
				}
			}
		}
	}
	return had
}

// After CreateEndpoint returns, every later Publish of either process goes to the
// endpoint, and after DeleteEndpoint none does. Two processes create, delete and
// publish at once, one of which delivers.
func TestDirectoryIsExact(t *testing.T) {
	t.Parallel()
	path := databaseFile(t)
	rc := newReceiver(t, nil)
	hosts := []*host{
		newHost(t, openStore(t, path), dispatcher.Config{}),
		newHost(t, openStore(t, path), dispatcher.Config{}),
	}
	hosts[0].start()
	var clock, made atomic.Int64
	tenants := make([]*membership, 8)
	for i := range tenants {
		tenants[i] = &membership{tenant: fmt.Sprint("tenant-", i), clock: &clock, members: make(map[string]*member)}
	}
	seed := uint64(os.Getpid())
	if text := os.Getenv("POSTRIDER_E2E_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	var workers sync.WaitGroup
	for i := range 32 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		workers.Go(func() {
			for made.Load() < interleavings {
				n, err := tenants[random.IntN(len(tenants))].operation(t.Context(), hosts[i%2], rc.URL, random)
				if err != nil {
					t.Errorf("operation in process %d = %v; want nil", i%2, err)
					return
				}
				made.Add(int64(n))
			}
		})
	}
	workers.Wait()
	events, members, had := 0, 0, 0
	for _, ms := range tenants {
		had += ms.check(t, hosts[1])
		events, members = events+len(ms.events), members+len(ms.members)
	}
	for _, ms := range tenants {
		eventually(t, "deliveries of "+ms.tenant+" do not end", func() bool {
			return len(hosts[0].deliveries(ms.tenant, store.DeliveryFilter{Status: webhook.DeliveryPending})) == 0
		})
	}
	t.Logf("seed %d: %d events, %d endpoints; %d pairs of them that had to match; %d arrivals", seed, events, members, had, rc.count())
	if had < events/10 || members < interleavings/100 || rc.count() == 0 {
		t.Error("the test checked too little")
	}
}

// The same with a second process that is one, a step at a time.
func TestDirectoryIsExactInAnotherProcess(t *testing.T) {
	t.Parallel()
	path := databaseFile(t)
	rc := newReceiver(t, nil)
	here := newHost(t, openStore(t, path), dispatcher.Config{})
	here.start()
	there := startProcess(t, path)

	publishBoth := func(want int, why string) {
		t.Helper()
		if r := here.publish(event("a", 1)); r.Deliveries != want {
			t.Errorf("Publish here %s = %d deliveries; want %d", why, r.Deliveries, want)
		}
		if r := there.must(request{Do: "publish", Tenant: tenant, Type: "a"}); r.Deliveries != want {
			t.Errorf("Publish there %s = %d deliveries; want %d", why, r.Deliveries, want)
		}
	}
	publishBoth(0, "before any endpoint")
	for range 25 {
		mine, _ := here.create(webhook.Endpoint{URL: rc.URL, EventTypes: []string{"a"}})
		publishBoth(1, "after an endpoint was created here")
		theirs := there.must(request{Do: "create", Tenant: tenant, URL: rc.URL, Type: "*"})
		publishBoth(2, "after another was created there")
		there.must(request{Do: "delete", Tenant: tenant, ID: mine.ID})
		publishBoth(1, "after the first was deleted there")
		if err := here.manage.DeleteEndpoint(t.Context(), tenant, theirs.ID); err != nil {
			t.Fatal(err)
		}
		publishBoth(0, "after the second was deleted here")
	}
	eventually(t, "deliveries do not end", func() bool { return here.count(store.DeliveryFilter{}, webhook.DeliveryPending) == 0 })
	want(t, "deliveries", len(here.deliveries(tenant, store.DeliveryFilter{})), 25*2*(1+2+1))
}
