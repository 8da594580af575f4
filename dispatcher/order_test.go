package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// ordered creates an endpoint that keeps order.
func (w *world) ordered(name string, f webhook.OnOrderFailure, h receiver) webhook.Endpoint {
	w.t.Helper()
	return w.create(webhook.Endpoint{
		Tenant: "acme", URL: "https://" + name + ".example/", Order: webhook.Order{Enabled: true, OnFailure: f},
		Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 2 * time.Second, MaxAttempts: 2},
	}, h)
}

// keyed publishes an event with an ordering key and returns its receipt.
func (w *world) keyed(key string) webhook.Receipt {
	w.t.Helper()
	ev := event("a.b", key)
	ev.OrderingKey = key
	r, err := w.Publish(w.t.Context(), ev)
	if err != nil {
		w.t.Fatalf("Publish: %v", err)
	}
	return r
}

// eventIDs returns the events that arrived at a URL, in the order of all arrivals.
func (n *network) eventIDs(url string) (ids []string) {
	for _, a := range n.to(url) {
		ids = append(ids, a.id)
	}
	return ids
}

func wantArrivals(t *testing.T, what string, got []string, receipts ...webhook.Receipt) {
	t.Helper()
	var wanted []string
	for _, r := range receipts {
		wanted = append(wanted, r.EventID)
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: arrived %v; want %v", what, got, wanted)
	}
}

// TestOrderIsOneOfAKeyAtATime has a receiver that takes its time.
func TestOrderIsOneOfAKeyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		var mu sync.Mutex
		busy, most, keys := map[string]int{}, 0, 0
		ep := w.ordered("slow", webhook.OrderBlock, func(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
			body := string(req.Body)
			key := body[len(body)-3 : len(body)-2]
			mu.Lock()
			busy[key]++
			most, keys = max(most, busy[key]), max(keys, len(busy))
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			if busy[key]--; busy[key] == 0 {
				delete(busy, key)
			}
			mu.Unlock()
			return &transport.Response{StatusCode: 200}, nil
		})
		stop := w.run()
		for i := range 60 {
			w.keyed(fmt.Sprint(i % 6))
		}
		wait(5 * time.Second)
		want(t, "requests of one key at once, at most", most, 1)
		if keys < 4 {
			t.Errorf("%d keys were under way at once; want several: keys do not wait for each other", keys)
		}
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 60)
		stop()
	})
}

// TestOrderAcrossProcesses publishes through three processes to a receiver that
// fails often, while the process that delivers dies.
func TestOrderAcrossProcesses(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { orderAcrossProcesses(t, seed) })
		})
	}
}

func orderAcrossProcesses(t *testing.T, seed uint64) {
	const keys = 5
	s := newSimulation(t, seed)
	s.healed = true // nothing fails but what this test lets fail
	st := s.store
	var mu sync.Mutex
	rnd, receiver := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2)) // the receiver's goes with mu
	order := make(map[string]*sequence)
	owner := map[*process]int{}
	send := func(p *process, req *transport.Request) (*transport.Response, error) {
		select {
		case <-p.dead:
			return nil, &transport.Error{Class: webhook.ClassConnect, Err: errors.New("dead")}
		case <-time.After(5 * time.Millisecond):
		}
		mu.Lock()
		defer mu.Unlock()
		owner[p]++
		body := string(req.Body)
		order[body[len(body)-3:len(body)-2]].arrive(req.Header.Get("Webhook-Id"))
		if receiver.IntN(5) == 0 {
			return &transport.Response{StatusCode: 500}, nil
		}
		return &transport.Response{StatusCode: 200}, nil
	}
	var procs []*process
	start := func() *process {
		p := &process{store: &faultyStore{Store: st}, done: make(chan error, 1), dead: make(chan struct{})}
		d, err := dispatcher.New(p.store, dispatcher.Config{
			AllowPlaintextSecrets: true, Lease: 6 * time.Second, DrainTimeout: time.Second,
			Transport: transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) { return send(p, req) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.d = d
		ctx, cancel := context.WithCancel(context.Background())
		p.stop = cancel
		go func() { p.done <- p.d.Run(ctx) }()
		return p
	}
	w := newWorld(t, st, dispatcher.Config{})
	ep := w.create(webhook.Endpoint{
		Tenant: "acme", URL: "https://ordered.example/", Order: webhook.Order{Enabled: true}, AutoPauseAfter: -1,
		Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 2 * time.Second, MaxAttempts: 50},
	}, nil)
	for range 3 {
		procs = append(procs, start())
	}
	synctest.Wait()
	const events = 400
	for i := range events {
		key := fmt.Sprint(rnd.IntN(keys))
		if order[key] == nil {
			mu.Lock()
			order[key] = newSequence()
			mu.Unlock()
		}
		ev := event("a.b", key)
		ev.OrderingKey = key
		began := time.Now()
		time.Sleep(time.Microsecond)
		r, err := procs[rnd.IntN(len(procs))].d.Publish(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		order[key].publish(r.EventID, began, time.Now())
		wait(time.Duration(rnd.IntN(40)) * time.Millisecond)
		if i%100 == 50 { // whoever has sent most since the last death
			mu.Lock()
			at := 0
			for j, p := range procs {
				if owner[p] > owner[procs[at]] {
					at = j
				}
			}
			clear(owner)
			mu.Unlock()
			s.crash(procs[at])
			procs[at] = start()
		}
	}
	for range 600 {
		if wait(time.Second); w.deliveries(ep.ID)[webhook.DeliveryDelivered] == events {
			break
		}
	}
	want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], events)
	for key, seq := range order {
		if late := seq.inversions(); len(late) > 0 {
			t.Errorf("key %s: %d of %d events arrived after a later one: %v", key, len(late), len(seq.arrived), late)
		}
	}
	for _, p := range procs {
		p.stop()
		if err := <-p.done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func TestOrderOfPublishMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.ordered("many", webhook.OrderBlock, status(200))
		stop := w.run()
		events := make([]webhook.Event, 600) // more than one batch
		for i := range events {
			events[i] = event("a.b", i)
			if i%3 == 0 {
				events[i].IdempotencyKey = fmt.Sprint(1000 - i)
			}
		}
		var receipts []webhook.Receipt
		for i, p := range w.PublishMany(t.Context(), events) {
			if p.Err != nil {
				t.Fatalf("PublishMany: event %d: %v", i, p.Err)
			}
			receipts = append(receipts, p.Receipt)
		}
		wait(5 * time.Second)
		wantArrivals(t, "PublishMany", w.net.eventIDs(ep.URL), receipts...)
		stop()
	})
}

func TestOrderInTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.ordered("tx", webhook.OrderBlock, status(200))
		stop := w.run()
		var receipts []webhook.Receipt
		for range 5 {
			tx := st.Begin()
			for range 3 {
				r, err := w.PublishTx(t.Context(), tx, event("a.b", 1))
				if err != nil {
					t.Fatal(err)
				}
				receipts = append(receipts, r)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			receipts = append(receipts, w.keyed(""))
		}
		wait(5 * time.Second)
		wantArrivals(t, "PublishTx", w.net.eventIDs(ep.URL), receipts...)
		stop()
	})
}

// TestOrderOutlivesItsEnd turns order off while a key is held up.
func TestOrderOutlivesItsEnd(t *testing.T) {
	headFails(t, webhook.OrderBlock, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		if _, err := w.UpdateEndpoint(t.Context(), "acme", ep.ID, func(r *store.EndpointRecord) error {
			r.Order = webhook.Order{}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wait(3 * time.Second)
		wantArrivals(t, "what was published in order is sent in order", w.net.eventIDs(ep.URL), k[0], k[0], k[1], k[2])
		after := w.keyed("k")
		wait(2 * time.Second)
		want(t, "the next one", w.only(after).Status, webhook.DeliveryDelivered)
	})
}

// TestOrderIdleCost counts what a process asks of the store while a key is blocked: it
// looks about once a second, and must not spin over what cannot go.
func TestOrderIdleCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		w := newWorld(t, db, dispatcher.Config{})
		ep := w.ordered("blocked", webhook.OrderBlock, status(500))
		for range 3 {
			w.keyed("k")
		}
		stop := w.run()
		wait(time.Minute)
		var polls atomic.Int64
		db.setFault(func(call string, after bool) error {
			if call == "poll" && !after {
				polls.Add(1)
			}
			return nil
		})
		wait(time.Hour)
		if n := polls.Load(); n > 2*3600 {
			t.Errorf("a process looked at the store %d times in an hour in which nothing could go; want about once a second", n)
		}
		want(t, "pending after an hour", w.deliveries(ep.ID)[webhook.DeliveryPending], 2)
		stop()
	})
}

// TestOrderInBatches has an endpoint that wants arrays, and whose events are one
// sequence then.
func TestOrderInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		refused := 0
		ep := w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://arrays.example/", Order: webhook.Order{Enabled: true},
			Batch: webhook.Batch{MaxEvents: 5, MaxWait: time.Second},
			Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 2 * time.Second, MaxAttempts: 5},
		}, func(_ context.Context, n int, _ *transport.Request) (*transport.Response, error) {
			if n%3 == 1 {
				refused++
				return &transport.Response{StatusCode: 500}, nil
			}
			return &transport.Response{StatusCode: 200}, nil
		})
		stop := w.run()
		var wanted []string
		for i := range 12 {
			wanted = append(wanted, w.keyed(fmt.Sprint(i%3)).EventID)
		}
		wait(2 * time.Minute)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 12)
		var got []string
		for _, a := range w.net.to(ep.URL) {
			if a.body[0] != '[' {
				t.Errorf("a request had %s; want an array", a.body)
			}
			for _, id := range wanted {
				if strings.Contains(a.body, id) && !slices.Contains(got, id) {
					got = append(got, id)
				}
			}
		}
		if !slices.Equal(got, wanted) || refused == 0 {
			t.Errorf("arrived %v, %d requests refused; want %v in this order, and some refused", got, refused, wanted)
		}
		stop()
	})
}
