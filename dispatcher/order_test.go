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

// sequence is when events of one ordering key were published, and what arrived.
type sequence struct {
	mu        sync.Mutex
	published map[string]span // by event id
	arrived   []string        // event ids, each when it first came
}

// span is when a call of Publish began and returned.
type span struct{ began, returned time.Time }

func newSequence() *sequence { return &sequence{published: map[string]span{}} }

func (s *sequence) publish(id string, began, returned time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published[id] = span{began, returned}
}

func (s *sequence) arrive(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.arrived, id) {
		s.arrived = append(s.arrived, id)
	}
}

// inversions returns the events that arrived after one whose Publish began when
// theirs had returned.
func (s *sequence) inversions() (late []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var latest time.Time
	for _, id := range s.arrived {
		p, known := s.published[id]
		if !known {
			continue
		}
		if p.returned.Before(latest) {
			late = append(late, id)
		}
		if p.began.After(latest) {
			latest = p.began
		}
	}
	return late
}

func TestInversionsAreFound(t *testing.T) {
	s, at := newSequence(), time.Now()
	for i, id := range []string{"a", "b", "c"} {
		began := at.Add(time.Duration(i) * time.Second)
		s.publish(id, began, began.Add(time.Millisecond))
	}
	s.publish("together with b", at.Add(time.Second), at.Add(time.Second))
	for _, id := range []string{"a", "c", "b", "together with b", "a"} {
		s.arrive(id)
	}
	if got := s.inversions(); !slices.Equal(got, []string{"b", "together with b"}) {
		t.Errorf("inversions = %v; want b and what was published with it, which came after c", got)
	}
}

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

// failing answers 500 while the event is in bad.
func failing(bad map[string]bool, mu *sync.Mutex) receiver {
	return func(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if bad[req.Header.Get("Webhook-Id")] {
			return &transport.Response{StatusCode: 500}, nil
		}
		return &transport.Response{StatusCode: 200}, nil
	}
}

// headFails publishes three events of key k to an endpoint that is stopped, makes
// the first fail for good, and one of another key. It returns their receipts.
func headFails(t *testing.T, f webhook.OnOrderFailure, check func(w *world, ep webhook.Endpoint, bad func(webhook.Receipt, bool), k []webhook.Receipt)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		var mu sync.Mutex
		refused := map[string]bool{}
		ep := w.ordered("head", f, failing(refused, &mu))
		bad := func(r webhook.Receipt, is bool) {
			mu.Lock()
			defer mu.Unlock()
			refused[r.EventID] = is
		}
		k := []webhook.Receipt{w.keyed("k"), w.keyed("k"), w.keyed("k")}
		bad(k[0], true)
		stop := w.run()
		wait(10 * time.Second)
		check(w, ep, bad, k)
		stop()
	})
}

func TestOrderBlocks(t *testing.T) {
	headFails(t, webhook.OrderBlock, func(w *world, ep webhook.Endpoint, bad func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, and the others wait", w.net.eventIDs(ep.URL), k[0], k[0])
		other := w.keyed("other")
		wait(time.Second)
		wantArrivals(t, "another key goes on", w.net.eventIDs(ep.URL), k[0], k[0], other)
		later := w.keyed("k")
		wait(time.Minute)
		want(t, "pending", w.deliveries(ep.ID)[webhook.DeliveryPending], 3)
		bad(k[0], false)
		if err := w.Redeliver(t.Context(), "acme", w.only(k[0]).ID); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		wantArrivals(t, "redelivered, the first keeps its place", w.net.eventIDs(ep.URL), k[0], k[0], other, k[0], k[1], k[2], later)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 5)
	})
}

func TestOrderGoesOnWhenTheBlockIsCanceled(t *testing.T) {
	headFails(t, webhook.OrderBlock, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		answers, err := w.store.Cancel(t.Context(), time.Now(), "acme", []string{w.only(k[0]).ID})
		if err != nil || len(answers) != 1 || answers[0].Outcome != webhook.CancelUnblocked {
			t.Fatalf("Cancel = %+v, %v; want unblocked", answers, err)
		}
		wait(2 * time.Second)
		wantArrivals(t, "the failed one stays failed, the others go on", w.net.eventIDs(ep.URL), k[0], k[0], k[1], k[2])
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
	})
}

func TestOrderSkips(t *testing.T) {
	headFails(t, webhook.OrderSkip, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, then the others go", w.net.eventIDs(ep.URL), k[0], k[0], k[1], k[2])
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
	})
}

func TestOrderPauses(t *testing.T) {
	headFails(t, webhook.OrderPause, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, and nothing else is sent", w.net.eventIDs(ep.URL), k[0], k[0])
		got, err := w.store.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", got.Status, webhook.EndpointPaused)
		want(t, "pause cause", got.PauseCause, webhook.PausedByOrder)
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
		w.keyed("other")
		wait(time.Minute)
		want(t, "requests while it is paused", len(w.net.to(ep.URL)), 2)
		if _, err := w.UpdateEndpoint(t.Context(), "acme", ep.ID, func(r *store.EndpointRecord) error {
			r.Status, r.PauseCause, r.StatusReason = webhook.EndpointActive, "", ""
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		want(t, "delivered after it was resumed", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 3)
		if got := w.net.eventIDs(ep.URL); len(got) != 5 || slices.Index(got, k[1].EventID) > slices.Index(got, k[2].EventID) {
			t.Errorf("arrived %v; want the second before the third", got)
		}
	})
}

// TestOrderPausesBeforeTheFailureIsWritten lets the process die between the two.
func TestOrderPausesBeforeTheFailureIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		w := newWorld(t, db, dispatcher.Config{Lease: 6 * time.Second})
		ep := w.ordered("head", webhook.OrderPause, status(500))
		w.keyed("k")
		w.keyed("k")
		db.setFault(func(call string, after bool) error {
			if got, err := db.memory.Endpoint(t.Context(), "acme", ep.ID); err == nil && got.Status == webhook.EndpointPaused {
				db.down.Store(true) // dead
				return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
			}
			return nil
		})
		ctx, kill := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		wait(10 * time.Second)
		kill()
		if err := <-done; err != nil {
			t.Errorf("Run of a process that dies = %v", err)
		}
		db.setFault(nil)
		db.down.Store(false)
		if got := w.deliveries(ep.ID); got[webhook.DeliveryFailed] != 0 || len(w.net.to(ep.URL)) != 2 {
			t.Fatalf("deliveries = %v after %d requests; the process was to die before it wrote the second failure", got, len(w.net.to(ep.URL)))
		}
		next := newWorld(t, db, dispatcher.Config{Lease: 6 * time.Second})
		next.net = w.net
		stop := next.run()
		wait(time.Minute)
		want(t, "requests after the process died", len(w.net.to(ep.URL)), 2)
		stop()
	})
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
