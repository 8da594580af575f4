package dispatcher_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// clerk is a receiver that takes 50 ms for each request and notes when the events
// of each type came.
type clerk struct {
	mu   sync.Mutex
	came map[string]time.Time // by data
}

func (c *clerk) receive(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
	c.mu.Lock()
	c.came[dataOf(req.Body)] = time.Now()
	c.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	return &transport.Response{StatusCode: 200}, nil
}

func (c *clerk) count(marker string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for data := range c.came {
		if len(data) > len(marker) && data[1:len(marker)+1] == marker {
			n++
		}
	}
	return n
}

// dataOf returns the data of an envelope.
func dataOf(body []byte) string {
	const key = `"data":`
	for i := range body {
		if i+len(key) < len(body) && string(body[i:i+len(key)]) == key {
			return string(body[i+len(key) : len(body)-1])
		}
	}
	return ""
}

// traffic publishes events of a priority at a rate, for a while, and returns when
// each was published, by its data. Those that go in a transaction of the host are
// always stored first.
func traffic(w *world, marker string, p webhook.Priority, perSecond int, d time.Duration, inTx bool) map[string]time.Time {
	published := map[string]time.Time{}
	for n, end := 0, time.Now().Add(d); time.Now().Before(end); n++ {
		ev := event("a.b", marker+"-"+time.Now().Format("05.000000000"))
		ev.Priority = p
		published[string(ev.Data)] = time.Now()
		var err error
		if inTx {
			tx := w.store.(*memstore.Store).Begin()
			if _, err = w.PublishTx(context.Background(), tx, ev); err == nil {
				err = tx.Commit()
			}
		} else {
			_, err = w.Publish(context.Background(), ev)
		}
		if err != nil {
			w.t.Errorf("publish: %v", err)
		}
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	return published
}

// median returns the median time from publish to arrival.
func (c *clerk) median(t *testing.T, published map[string]time.Time) time.Duration {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var took []time.Duration
	for data, at := range published {
		came, ok := c.came[data]
		if !ok {
			t.Errorf("%s has not come", data)
			continue
		}
		took = append(took, came.Sub(at))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// TestHighIsQuickUnderAFloodOfLow publishes low events at twice the rate at which
// the receiver takes them, handed over or through the store.
func TestHighIsQuickUnderAFloodOfLow(t *testing.T) {
	for _, inTx := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			run := func(flood bool) time.Duration {
				c := &clerk{came: map[string]time.Time{}}
				w := newWorld(t, memstore.New(), dispatcher.Config{})
				w.create(webhook.Endpoint{Tenant: "acme", URL: "https://one.example/", MaxInFlight: 8}, c.receive)
				defer w.run()()
				traffic(w, "warm", "", 100, time.Second, false)
				var others sync.WaitGroup
				if flood {
					others.Go(func() { traffic(w, "low", webhook.PriorityLow, 320, 20*time.Second, inTx) })
					time.Sleep(5 * time.Second) // a backlog has built up
				}
				published := traffic(w, "high", webhook.PriorityHigh, 20, 10*time.Second, false)
				others.Wait()
				wait(time.Minute)
				return c.median(t, published)
			}
			// What the receiver takes for a request is the latency of an answer; what
			// counts is that of the arrival, with the request's own time added.
			const own = 50 * time.Millisecond
			alone, flooded := own+run(false), own+run(true)
			t.Logf("in a transaction %v: p50 of high alone %v, under a flood of low %v", inTx, alone, flooded)
			if flooded > 2*alone {
				t.Errorf("p50 of high under a flood of low (in a transaction: %v) = %v, want at most twice %v", inTx, flooded, alone)
			}
		})
	}
}

// TestLowIsNotStarvedByHigh publishes high events at twice the rate at which the
// receiver takes them, beside some low ones.
func TestLowIsNotStarvedByHigh(t *testing.T) {
	for _, inTx := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := &clerk{came: map[string]time.Time{}}
			w := newWorld(t, memstore.New(), dispatcher.Config{})
			w.create(webhook.Endpoint{Tenant: "acme", URL: "https://one.example/", MaxInFlight: 8}, c.receive)
			defer w.run()()
			traffic(w, "warm", "", 100, time.Second, false)
			var others sync.WaitGroup
			others.Go(func() { traffic(w, "high", webhook.PriorityHigh, 320, 40*time.Second, inTx) })
			others.Go(func() { traffic(w, "low", webhook.PriorityLow, 80, 40*time.Second, true) })
			wait(10 * time.Second) // backlogs have built up
			highBefore, lowBefore := c.count("high"), c.count("low")
			wait(25 * time.Second)
			high, low := c.count("high")-highBefore, c.count("low")-lowBefore
			t.Logf("high in a transaction %v: in 25 s %d high and %d low arrived", inTx, high, low)
			if high+low < 3000 || 10*low < high+low {
				t.Errorf("in 25 s %d high and %d low arrived; want 4,000, a tenth of them low", high, low)
			}
			others.Wait()
			for range 20 {
				wait(time.Minute)
			}
			ds, err := w.store.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1})
			if err != nil || len(ds) != 0 {
				t.Errorf("pending in the end: %v, %v; want none", ds, err)
			}
		})
	}
}
