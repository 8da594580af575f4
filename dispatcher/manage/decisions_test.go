package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/webhook"
)

func TestWhySentences(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	later := now.Add(time.Hour)
	active := &webhook.Endpoint{Status: webhook.EndpointActive}
	paused := func(by webhook.PauseCause) *webhook.Endpoint {
		return &webhook.Endpoint{Status: webhook.EndpointPaused, PauseCause: by, StatusReason: "<canary>"}
	}
	failing := func(last time.Time) Health {
		return healthAt(webhook.Health{Failures: 7, Trips: 1, LastFailureAt: last}, now)
	}
	pending := func(attempts int, due time.Time) webhook.Delivery {
		return webhook.Delivery{Status: webhook.DeliveryPending, Attempts: attempts, NextAttemptAt: due}
	}
	ended := func(status webhook.DeliveryStatus, reason webhook.Reason) webhook.Delivery {
		return webhook.Delivery{Status: status, Reason: reason, Attempts: 3}
	}
	attempt := func(class webhook.ErrorClass, code int, next time.Time) *webhook.Attempt {
		return &webhook.Attempt{N: 3, Class: class, StatusCode: code, NextAt: next, ResponseBody: []byte("<canary>"), RemoteAddr: "<canary>"}
	}
	var none time.Time
	cases := []struct {
		name string
		f    facts
		want string
	}{
		{"delivered", facts{delivery: ended("delivered", ""), last: attempt("", 202, none)}, "Delivered: attempt 3 was answered with status 202."},
		{"delivered, attempt gone", facts{delivery: ended("delivered", "")}, "Delivered: attempt 3 was answered."},
		{"used up, status", facts{delivery: ended("failed", "attempts_used_up"), last: attempt("http_status", 500, none)}, "Failed: all attempts are used up; attempt 3, the last one, was answered with status 500."},
		{"used up, redirect", facts{delivery: ended("failed", "attempts_used_up"), last: attempt("redirect", 302, none)}, "Failed: all attempts are used up; attempt 3, the last one, was answered with status 302."},
		{"used up, attempt gone", facts{delivery: ended("failed", "attempts_used_up")}, "Failed: all attempts are used up; attempt 3, the last one, is no longer kept."},
		{"crashed", facts{delivery: ended("failed", "crashed")}, "Failed: process after process ended while it was sending this delivery, which may be the cause."},
		{"failed for an unknown reason", facts{delivery: ended("failed", "<canary>")}, "Failed: no more attempts are made."},
		{"canceled, deleted", facts{delivery: ended("canceled", "endpoint_deleted")}, "Canceled: the endpoint was deleted."},
		{"canceled, expired", facts{delivery: ended("canceled", "expired")}, "Canceled: the payload's retention ended before it could be delivered."},
		{"canceled for an unknown reason", facts{delivery: ended("canceled", "<canary>")}, "Canceled: it is not wanted any more."},
		{"skipped", facts{delivery: ended("skipped", "")}, "Skipped: the endpoint does not want this event."},

		{"endpoint deleted", facts{delivery: pending(3, now), last: attempt("timeout", 0, now)}, "Pending: the endpoint was deleted, and this delivery is about to be canceled."},
		{"paused by hand", facts{delivery: pending(0, later), endpoint: paused("manual")}, "Pending: the endpoint is paused by hand."},
		{"paused by failures", facts{delivery: pending(3, now), endpoint: paused("failures"), health: failing(now)}, "Pending: the endpoint is paused because 7 attempts in a row failed."},
		{"paused by gone", facts{delivery: pending(3, now), endpoint: paused("gone")}, "Pending: the endpoint is paused because it answered 410 Gone."},
		{"breaker open", facts{delivery: pending(0, now), endpoint: active, health: failing(now)}, "Pending: the endpoint failed 7 times in a row and is given a rest; the next probe is at 2026-02-03T04:05:16Z."},
		{"breaker half open", facts{delivery: pending(3, now), last: attempt("timeout", 0, now), endpoint: active, health: failing(now.Add(-time.Hour))}, "Pending: the endpoint failed 7 times in a row; this delivery goes out as soon as a probe succeeds, or is the probe."},
		{"first attempt", facts{delivery: pending(0, now), endpoint: active}, "Pending: it waits for its first attempt, due now."},
		{"first attempt later", facts{delivery: pending(0, later), endpoint: active}, "Pending: it waits for its first attempt, due at 2026-02-03T05:05:06Z."},
		{"attempts gone", facts{delivery: pending(3, now), endpoint: active}, "Pending: 3 attempts were made, and the next one is due now."},
		{"redelivered", facts{delivery: pending(3, now), endpoint: active, last: attempt("", 200, none)}, "Pending: it was redelivered after attempt 3, and the next one is due now."},
		{"broken off", facts{delivery: pending(3, now), endpoint: active, last: attempt("canceled", 0, now)}, "Pending: attempt 3 was broken off when its process stopped, and the next one is due now."},
		{"answered", facts{delivery: pending(3, later), endpoint: active, last: attempt("http_status", 429, later)}, "Pending: attempt 3 was answered with status 429, and the next one is due at 2026-02-03T05:05:06Z."},
		{"answered, due", facts{delivery: pending(3, now), endpoint: active, last: attempt("http_status", 429, now)}, "Pending: attempt 3 was answered with status 429, and the next one is due now."},
		// Its own time is what such a delivery waits for, not the breaker's.
		{"due after the probe", facts{delivery: pending(3, later), endpoint: active, health: failing(now), last: attempt("timeout", 0, later)}, "Pending: attempt 3 got no answer in time (timeout), and the next one is due at 2026-02-03T05:05:06Z."},
	}
	for class, text := range endings {
		if class == webhook.ClassCanceled || class == webhook.ClassTimeout {
			continue
		}
		cases = append(cases, struct {
			name string
			f    facts
			want string
		}{
			"retry after " + string(class),
			facts{delivery: pending(3, later), endpoint: active, last: attempt(class, 0, later)},
			"Pending: attempt 3 " + text + ", and the next one is due at 2026-02-03T05:05:06Z.",
		})
	}
	seen := make(map[string]string)
	for _, tt := range cases {
		tt.f.now = now
		got := tt.f.why()
		if got != tt.want {
			t.Errorf("%s: why = %q; want %q", tt.name, got, tt.want)
		}
		if other := seen[got]; other != "" {
			t.Errorf("%s and %s have the same sentence %q: it does not name what decides", tt.name, other, got)
		}
		seen[got] = tt.name
		if strings.Contains(got, "canary") || strings.Count(got, ".") != 1 || len(got) > 200 {
			t.Errorf("%s: why = %q; want one sentence that repeats nothing from outside", tt.name, got)
		}
	}
	unknown := facts{delivery: pending(3, later), endpoint: active, last: attempt("<canary>", 0, later), now: now}
	if got := unknown.why(); strings.Contains(got, "canary") {
		t.Errorf("why of an unknown class = %q; want nothing of it repeated", got)
	}
}

// The engine alone may import package lane, so its numbers are written down twice.
func TestHealthIsTheLanes(t *testing.T) {
	last := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for failures := range lane.OpensAfter + 3 {
		if got := healthAt(webhook.Health{Failures: failures, LastFailureAt: last}, last); (got.Breaker == BreakerClosed) != (failures < lane.OpensAfter) {
			t.Errorf("breaker after %d failures = %s; want it to open after %d, as a lane's does", failures, got.Breaker, lane.OpensAfter)
		}
	}
	for trips := range 20 {
		h := webhook.Health{Failures: lane.OpensAfter, Trips: trips, LastFailureAt: last}
		probe := last.Add(lane.ProbeWait(trips))
		if got := healthAt(h, probe.Add(-1)); got.Breaker != BreakerOpen || !got.NextProbeAt.Equal(probe) {
			t.Errorf("before probe %d: %s until %v; want open until %v, as a lane's", trips, got.Breaker, got.NextProbeAt, probe)
		}
		if got := healthAt(h, probe); got.Breaker != BreakerHalfOpen {
			t.Errorf("at probe %d: %s; want half open", trips, got.Breaker)
		}
	}
}

func TestTestLimitsAreBounded(t *testing.T) {
	l := newTestLimits()
	for range testBurst {
		l.allow("first")
	}
	for i := range 10 * testTenants {
		if i%100 == 0 && l.allow("first") && i < testTenants {
			t.Fatalf("a tenant that goes on testing was forgotten after %d others", i)
		}
		l.allow(time.Duration(i).String())
		if n := len(l.recent) + len(l.past); n > 2*testTenants {
			t.Fatalf("limits of %d tenants are kept after %d; want at most %d", n, i+1, 2*testTenants)
		}
	}
}

func TestOtherHost(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		want     bool
	}{
		{"https://a.example/", "https://a.example/x?y=1", false},
		{"http://a.example/", "https://a.example/", false},
		{"https://a.example/", "http://a.example/", true},
		{"https://a.example/", "https://a.example:8443/", true},
		{"https://a.example/", "https://b.a.example/", true},
		{"https://a.example/", "https://[2606:4700::1]/", true},
		{"https://a.example/", "://", true},
		{"://", "https://a.example/", true},
	} {
		if got := otherHost(tt.from, tt.to); got != tt.want {
			t.Errorf("otherHost(%q, %q) = %t; want %t", tt.from, tt.to, got, tt.want)
		}
	}
}
