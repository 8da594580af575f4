package httpapi_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/webhook"
)

// Every actor of every tenant has a bucket of their own.
func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := httpapi.NewLimiter(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		allow := func(tenant, actor string) time.Duration {
			wait, ok := l.Allow(t.Context(), webhook.Principal{Tenant: tenant, Actor: actor})
			if ok != (wait == 0) {
				t.Errorf("Allow = %v, %v; want a time to wait if, and only if, it is refused", wait, ok)
			}
			return wait
		}
		for range 3 {
			if wait := allow(acme, "ada"); wait != 0 {
				t.Errorf("one of three at once has to wait %v", wait)
			}
		}
		for range 2 { // who is refused has taken nothing
			if wait := allow(acme, "ada"); wait != 500*time.Millisecond {
				t.Errorf("the fourth has to wait %v; want half a second", wait)
			}
		}
		for _, other := range [][2]string{{acme, "bob"}, {globex, "ada"}, {"", acme + "ada"}} {
			if wait := allow(other[0], other[1]); wait != 0 {
				t.Errorf("%q has to wait %v for another", other, wait)
			}
		}
		time.Sleep(500 * time.Millisecond)
		if wait := allow(acme, "ada"); wait != 0 {
			t.Errorf("after half a second one more has to wait %v", wait)
		}
		for i := range 20_000 { // more than are remembered
			allow(globex, fmt.Sprint(i))
		}
	})
	for _, c := range []struct {
		perSecond float64
		burst     int
	}{{0, 1}, {-1, 1}, {math.NaN(), 1}, {1, 0}} {
		if _, err := httpapi.NewLimiter(c.perSecond, c.burst); err == nil {
			t.Errorf("NewLimiter(%v, %d) = nil; want an error", c.perSecond, c.burst)
		}
	}
}

func TestLimiterInFront(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *dispatcher.Config, c *httpapi.Config) {
		var err error
		if c.Limiter, err = httpapi.NewLimiter(0.001, 2); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 {
		w.call(asAdmin, "GET", "/webhooks", "").is(200)
	}
	refused := w.call(asAdmin, "GET", "/webhooks", "")
	if detail := refused.problem(429, "rate_limited"); detail != "Too many requests. Try again later." || refused.header.Get("Retry-After") == "" {
		t.Errorf("over the limit: %q, Retry-After %q", detail, refused.header.Get("Retry-After"))
	}
	w.call("developer "+acme, "GET", "/webhooks", "").is(200)
}

// Who cannot be judged at the moment is not counted among those who guess.
func TestUndecided(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *dispatcher.Config, c *httpapi.Config) {
		c.Authenticate = func(*http.Request) (webhook.Principal, error) {
			return webhook.Principal{}, fmt.Errorf("ask the issuer: %w", webhook.ErrUndecided)
		}
	})
	for range 20 {
		answer := w.call(asAdmin, "GET", "/webhooks", "")
		if detail := answer.problem(503, "authentication_unavailable"); detail != "Credentials cannot be checked at the moment. Try again." || answer.header.Get("Retry-After") != "1" {
			t.Errorf("undecided: %q, Retry-After %q", detail, answer.header.Get("Retry-After"))
		}
	}
}
