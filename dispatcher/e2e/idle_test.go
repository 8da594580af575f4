package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// quietWorld is a store full of endpoints that nothing is to be done for now.
type quietWorld struct {
	// retrying have one delivery each, which failed and is due in an hour.
	retrying int
	// paused have some deliveries each, which wait.
	paused, backlog int
}

// perTenant is how many endpoints a tenant of a quiet world has.
const perTenant = 100

// fill makes the world as a dispatcher makes it: it creates the endpoints,
// publishes, and delivers until everything waits.
func (q quietWorld) fill(t testing.TB, st store.Store) {
	t.Helper()
	refuse := transport.TransportFunc(func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: 500}, nil
	})
	h := newHost(t, st, dispatcher.Config{Transport: refuse, Logger: zap.NewNop()})
	q.create(h)
	stop := h.start()
	for i := range q.retrying / perTenant {
		q.publish(h, fmt.Sprint("retrying-", i), 1)
	}
	for i := range q.paused / perTenant {
		q.publish(h, fmt.Sprint("paused-", i), q.backlog)
	}
	eventually(t, "not everything was tried", func() bool {
		for i := range q.retrying / perTenant {
			for _, d := range h.deliveries(fmt.Sprint("retrying-", i), store.DeliveryFilter{}) {
				if d.Attempts != 1 {
					return false
				}
			}
		}
		return true
	})
	eventually(t, "something is still due", func() bool { return nothingDue(t, st) })
	stop()
}

func (q quietWorld) create(h *host) {
	work := make(chan webhook.Endpoint)
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for ep := range work {
				if _, _, err := h.manage.CreateEndpoint(h.t.Context(), ep); err != nil {
					h.t.Errorf("CreateEndpoint = %v; want nil", err)
				}
			}
		})
	}
	for i := range q.retrying {
		work <- webhook.Endpoint{
			Tenant: fmt.Sprint("retrying-", i/perTenant), URL: fmt.Sprintf("http://127.0.0.1:4009/%d", i),
			Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Hour}, Jitter: -1},
		}
	}
	for i := range q.paused {
		work <- webhook.Endpoint{
			Tenant: fmt.Sprint("paused-", i/perTenant), URL: fmt.Sprintf("http://127.0.0.1:4009/%d", i), Status: webhook.EndpointPaused,
		}
	}
	close(work)
	callers.Wait()
}

func (q quietWorld) publish(h *host, to string, n int) {
	h.t.Helper()
	for i := range n {
		ev := event("a", i)
		ev.Tenant = to
		if r := h.publish(ev); r.Deliveries != perTenant {
			h.t.Fatalf("Deliveries = %d; want %d", r.Deliveries, perTenant)
		}
	}
}

// nothingDue asks the store when it next has work. The time that it is told is long
// ago, so that it finds none and takes nothing.
func nothingDue(t testing.TB, st store.Store) bool {
	t.Helper()
	_, next, err := st.Poll(t.Context(), time.Unix(0, 0), 1, 1, func(w store.Waiting) store.Admission {
		t.Errorf("Poll in 1970 = %s; want nothing to be due", w.Delivery)
		return store.Admission{}
	})
	if err != nil {
		t.Fatal(err)
	}
	return next.IsZero() || next.After(time.Now())
}

// counter counts the calls of a store.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counter) on(call string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
	return nil
}

// reset returns the counts so far and begins anew.
func (c *counter) reset() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = make(map[string]int)
	return calls
}

func (c *counter) of(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[call]
}

// idleCalls is how often an idle dispatcher may make a call in so many seconds: it
// polls once a second, with the lanes, reaps as often, follows changes twice a
// second, and renews its lease every five and reconciles every ten seconds. One
// more of each is where the time begins and ends.
func idleCalls(seconds int) map[string]int {
	return map[string]int{
		"Poll": seconds + 1, "Take": seconds + 1, "Reap": seconds + 1, "ChangedEndpoints": 2*seconds + 1,
		"Renew": seconds/5 + 1, "Held": seconds/10 + 1,
		"LeaseJobs": seconds/2 + 1,
	}
}

// idler is a dispatcher that has nothing to do, over a store that counts.
type idler struct {
	t     *testing.T
	name  string
	calls *counter
}

// idle starts a dispatcher over a store that is filled.
func idle(t *testing.T, name string, st store.Store) *idler {
	t.Helper()
	i := &idler{t: t, name: name, calls: &counter{calls: make(map[string]int)}}
	newHost(t, &tap{Store: st, on: i.calls.on}, dispatcher.Config{Lease: time.Minute}).start()
	return i
}

// rest waits until the poll has backed off from 250 ms to a second.
func (i *idler) rest() {
	i.t.Helper()
	eventually(i.t, i.name+": the dispatcher does not poll", func() bool { return i.calls.of("Poll") >= 5 })
}

// aliveCalls are what an idle dispatcher does not stop doing.
var aliveCalls = []string{"Poll", "Reap", "ChangedEndpoints"}

func (i *idler) alive() bool {
	return !slices.ContainsFunc(aliveCalls, func(call string) bool { return i.calls.of(call) == 0 })
}

// check compares the calls since the last reset with what is allowed.
func (i *idler) check(seconds int) {
	i.t.Helper()
	calls, allowed := i.calls.reset(), idleCalls(seconds)
	for call, n := range calls {
		if n > allowed[call] {
			i.t.Errorf("%s: %s is called %d times in %d idle seconds; want at most %d", i.name, call, n, seconds, allowed[call])
		}
	}
	for _, call := range aliveCalls {
		if calls[call] == 0 {
			i.t.Errorf("%s: %s is not called in %d seconds: the dispatcher is not idle but dead", i.name, call, seconds)
		}
	}
	i.t.Logf("%s: calls in %d idle seconds: %v", i.name, seconds, calls)
}

// The cost of an idle process does not grow with the endpoints that it could send
// to, and it writes nothing but its heartbeat, which is ten seconds off here.
func TestIdleCostsNothing(t *testing.T) {
	t.Parallel()
	const seconds = 3
	inMemory, path := memstore.New(), databaseFile(t)
	onDisk := openStore(t, path)
	// A call for each endpoint, or for each tenant of a hundred, would be seen.
	quietWorld{retrying: 2000, paused: 500, backlog: 2}.fill(t, inMemory)
	quietWorld{retrying: 100, paused: 100, backlog: 2}.fill(t, onDisk)
	written := dataVersion(t, path)

	idlers := []*idler{idle(t, "memory", inMemory), idle(t, "file", onDisk)}
	for _, i := range idlers {
		i.rest()
	}
	before, began := written(), time.Now()
	for _, i := range idlers {
		i.calls.reset()
	}
	eventually(t, "a dispatcher does not poll, reap and follow", func() bool {
		return time.Since(began) >= seconds*time.Second && idlers[0].alive() && idlers[1].alive()
	})
	for _, i := range idlers {
		i.check(int(math.Ceil(time.Since(began).Seconds())))
	}
	want(t, "data_version after idle seconds: a change means that the file was written to", written(), before)

	if _, err := onDisk.Setting(t.Context(), "test", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if written() == before {
		t.Error("data_version is the same after a write: the test checks nothing")
	}
}

// dataVersion returns a function whose answer changes when somebody else has
// written to a file.
func dataVersion(t *testing.T, path string) func() int {
	t.Helper()
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // the version is a connection's
	t.Cleanup(func() { db.Close() })
	return func() (version int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&version); err != nil {
			t.Fatal(err)
		}
		return version
	}
}
