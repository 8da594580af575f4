package dispatcher_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// choosy is a receiver that takes so many requests a second and answers 429 to the
// rest.
type choosy struct {
	perSecond, burst float64

	mu       sync.Mutex
	tokens   float64
	last     time.Time
	from     time.Time // from when on it counts
	ok, over int
}

func (c *choosy) receive(context.Context, int, *transport.Request) (*transport.Response, error) {
	time.Sleep(5 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.tokens = min(c.burst, c.tokens+c.perSecond*now.Sub(c.last).Seconds())
	c.last = now
	counts := now.After(c.from)
	if c.tokens < 1 {
		if counts {
			c.over++
		}
		return &transport.Response{StatusCode: http.StatusTooManyRequests}, nil
	}
	c.tokens--
	if counts {
		c.ok++
	}
	return &transport.Response{StatusCode: http.StatusOK}, nil
}

func (c *choosy) counted() (ok, over int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ok, c.over
}

// TestThrottledEndpoint has a receiver that takes 20 a second, and ten thousand
// deliveries that are due.
func TestThrottledEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		c := &choosy{perSecond: 20, burst: 5, from: time.Now().Add(time.Minute)}
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://choosy.example/", AutoPauseAfter: -1}, c.receive)
		defer w.run()()
		w.publish(10_000, "a.b")
		wait(3 * time.Minute)
		ok, over := c.counted()
		rate, share := float64(ok)/120, float64(over)/float64(ok+over)
		t.Logf("%.1f/s, %.1f %% refused", rate, 100*share)
		if rate < 16 || rate > 20.1 {
			t.Errorf("settled at %.1f/s; want 16 to 20", rate)
		}
		if share >= 0.05 {
			t.Errorf("%.1f %% were answered 429; want less than 5 %%", 100*share)
		}
		wait(2 * time.Hour)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 10_000)
	})
}
