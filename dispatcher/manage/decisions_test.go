package manage

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestWhySentences(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	later, soon := now.Add(time.Hour), now.Add(time.Second)
	const nextHour, nextSecond = "2026-02-03T05:05:06Z", "2026-02-03T04:05:07Z"
	const batch, ahead = "bat_01KG0000000000000000000000", "dlv_01KG0000000000000000000000"
	active := &webhook.Endpoint{Status: webhook.EndpointActive, Version: 3}
	limited := &webhook.Endpoint{Status: webhook.EndpointActive, RateLimit: webhook.RateLimit{PerSecond: 50}}
	batched := &webhook.Endpoint{Status: webhook.EndpointActive, Batch: webhook.Batch{MaxEvents: 50, MaxWait: time.Second}}
	paused := func(by webhook.PauseCause, version int64) *webhook.Endpoint {
		return &webhook.Endpoint{Status: webhook.EndpointPaused, PauseCause: by, Version: version, StatusReason: "<canary>"}
	}
	failing := func(last time.Time) Health {
		return healthAt(webhook.Health{Failures: 7, Trips: 1, LastFailureAt: last}, now)
	}
	recovering := healthAt(webhook.Health{RecoveringSince: now.Add(-3 * time.Second)}, now)
	pending := func(attempts int, due time.Time) webhook.Delivery {
		return webhook.Delivery{Status: webhook.DeliveryPending, Attempts: attempts, NextAttemptAt: due, OrderingKey: "<canary>"}
	}
	ended := func(status webhook.DeliveryStatus, reason webhook.Reason) webhook.Delivery {
		return webhook.Delivery{Status: status, Reason: reason, Attempts: 3, UpdatedAt: now}
	}
	attempt := func(class webhook.ErrorClass, code int, next time.Time) *webhook.Attempt {
		return &webhook.Attempt{N: 3, Class: class, StatusCode: code, NextAt: next, ResponseBody: []byte("<canary>"), RemoteAddr: "<canary>"}
	}
	in := func(a *webhook.Attempt) *webhook.Attempt { a.BatchID = batch; return a }
	asked := attempt("http_status", 503, later)
	asked.At, asked.ResponseHeaders = now, map[string]string{"Retry-After": "3600"}
	member, low := pending(3, now), pending(0, now)
	member.BatchID, low.Priority = batch, webhook.PriorityLow
	untried := ended("failed", "max_age")
	untried.Attempts = 0
	unasked := ended("failed", "filter_error")
	unasked.Attempts = 0
	parked := store.Place{Parked: true, LaneNext: soon}
	var none time.Time
	cases := []struct {
		name string
		f    facts
		want string
	}{
		{"delivered", facts{delivery: ended("delivered", ""), last: attempt("", 202, none)}, "Delivered: attempt 3 was answered with status 202."},
		{"delivered, attempt gone", facts{delivery: ended("delivered", "")}, "Delivered: attempt 3 was answered."},
		{"delivered in a batch", facts{delivery: ended("delivered", ""), last: in(attempt("", 200, none))}, "Delivered: attempt 3, in batch " + batch + ", was answered with status 200."},
		{"delivered, overridden", facts{delivery: ended("delivered", ""), last: attempt("", 404, none)}, "Delivered: attempt 3 was answered with status 404, which the endpoint's success_statuses count as success."},

		{"used up, status", facts{delivery: ended("failed", "attempts_used_up"), last: attempt("http_status", 500, none)}, "Failed: all attempts are used up; attempt 3, the last one, was answered with status 500."},
		{"used up, redirect", facts{delivery: ended("failed", "attempts_used_up"), last: attempt("redirect", 302, none)}, "Failed: all attempts are used up; attempt 3, the last one, was answered with status 302, a redirect, which is not followed."},
		{"used up, attempt gone", facts{delivery: ended("failed", "attempts_used_up")}, "Failed: all attempts are used up; attempt 3, the last one, is no longer kept."},
		{"crashed", facts{delivery: ended("failed", "crashed")}, "Failed: five processes ended while they were sending this delivery, which may be the cause."},
		{"too old", facts{delivery: ended("failed", "max_age"), last: attempt("timeout", 0, none)}, "Failed: another attempt would come after the max_age of its event type; attempt 3, the last one, got no answer in time (timeout)."},
		{"too old before the first attempt", facts{delivery: untried}, "Failed: at 2026-02-03T04:05:06Z, before its first attempt, it was older than the max_age of its event type."},
		{"filter failed at publish", facts{delivery: unasked}, "Failed: the endpoint's filter failed for this event when it was published (filter_error); redelivering asks the filter again."},
		{"filter failed again", facts{delivery: ended("failed", "filter_error"), last: attempt("filter_error", 0, none)}, "Failed: the endpoint's filter failed again for this event at attempt 3 (filter_error); redelivering asks the filter again."},
		{"filtered after a redelivery", facts{delivery: ended("skipped", "filtered")}, "Skipped: it was redelivered, and the endpoint's filter does not match this event."},
		{"failed for an unknown reason", facts{delivery: ended("failed", "<canary>")}, "Failed: no more attempts are made."},

		{"canceled, deleted", facts{delivery: ended("canceled", "endpoint_deleted")}, "Canceled: at 2026-02-03T04:05:06Z the endpoint was found to be deleted."},
		{"canceled, expired", facts{delivery: ended("canceled", "expired")}, "Canceled: at 2026-02-03T04:05:06Z the payload's retention had ended before it could be delivered."},
		{"canceled by hand", facts{delivery: ended("canceled", "canceled")}, "Canceled: it was canceled by hand at 2026-02-03T04:05:06Z, after 3 attempts."},
		{"canceled for an unknown reason", facts{delivery: ended("canceled", "<canary>")}, "Canceled: it is not wanted any more."},

		{"skipped", facts{delivery: ended("skipped", "")}, "Skipped: the endpoint does not want this event."},
		{"skipped, paused", facts{delivery: ended("skipped", "endpoint_paused")}, "Skipped: the endpoint was paused at the time of the event, and its on_paused is skip."},

		{"endpoint deleted", facts{delivery: pending(3, now), last: attempt("timeout", 0, now)}, "Pending: the endpoint was deleted, and this delivery is about to be canceled."},
		{"asked to be canceled", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Canceled: true}}, "Pending: it is about to be canceled, as was asked."},
		{"asked to be canceled in flight", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Canceled: true, Leased: true}}, "Pending: it is canceled unless attempt 4, which a process has in hand, delivers it."},
		{"in hand", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Leased: true}}, "Pending: a process has it in hand; attempt 4 is under way or about to begin."},
		{"in hand behind another", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Leased: true, Ahead: ahead, AheadDue: now}}, "Pending: a process has it in hand for when " + ahead + ", which comes before it in its ordering key, is delivered."},
		{"in hand after a crash", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Leased: true, Crashes: 1}}, "Pending: a process has attempt 4 in hand; it goes with few others or alone, because one process ended with it before."},
		{"in hand, recovering", facts{delivery: pending(3, now), endpoint: active, health: recovering, place: store.Place{Leased: true}}, "Pending: a process has attempt 4 in hand, and the endpoint, which recovers since 2026-02-03T04:05:03Z, gets 1 per second by now."},
		{"in hand, limited", facts{delivery: pending(3, now), endpoint: limited, place: store.Place{Leased: true}}, "Pending: a process has attempt 4 in hand, which goes out as soon as the endpoint's rate_limit of 50 per second allows."},
		{"in hand in a batch", facts{delivery: member, endpoint: batched, place: store.Place{Leased: true}}, "Pending: a process has it in hand with all others of batch " + batch + "; attempt 4 is under way or about to begin."},
		{"collecting", facts{delivery: pending(0, now), endpoint: batched, place: store.Place{Leased: true}}, "Pending: a process collects a batch for attempt 1, of up to 50 events or for up to 1s."},

		{"paused by hand", facts{delivery: pending(0, later), endpoint: paused("manual", 2)}, "Pending: the endpoint is paused by hand."},
		{"created paused", facts{delivery: pending(0, later), endpoint: paused("manual", 1)}, "Pending: the endpoint was created paused and has not been activated yet."},
		{"paused by failures", facts{delivery: pending(3, now), endpoint: paused("failures", 2), health: failing(now)}, "Pending: the endpoint is paused because 7 attempts in a row failed."},
		{"paused by gone", facts{delivery: pending(3, now), endpoint: paused("gone", 2)}, "Pending: the endpoint is paused because it answered 410 Gone."},
		{"paused by order", facts{delivery: pending(3, now), endpoint: paused("order", 2)}, "Pending: the endpoint is paused because a delivery before others of its ordering key failed, and order.on_failure is pause."},
		{"breaker open", facts{delivery: pending(0, now), endpoint: active, health: failing(now)}, "Pending: the endpoint failed 7 times in a row and is given a rest; the next probe is at 2026-02-03T04:05:14Z."},
		{"breaker half open", facts{delivery: pending(3, now), last: attempt("timeout", 0, now), endpoint: active, health: failing(now.Add(-time.Hour))}, "Pending: the endpoint failed 7 times in a row; this delivery goes out as soon as a probe succeeds, or is the probe."},

		{"behind another", facts{delivery: pending(0, now), endpoint: active, place: store.Place{Ahead: ahead, AheadDue: later}}, "Pending: " + ahead + " comes before it in its ordering key and is tried again at " + nextHour + "."},
		{"behind another that is due", facts{delivery: pending(0, now), endpoint: active, place: store.Place{Ahead: ahead, AheadDue: now}}, "Pending: " + ahead + " comes before it in its ordering key and is due now."},

		{"behind one that failed", facts{delivery: pending(0, now), endpoint: active, place: store.Place{BlockedBy: ahead, Ahead: ahead, AheadDue: later}}, "Pending: " + ahead + ", which comes before it in its ordering key, failed for good; redeliver or cancel that (order.on_failure is block)."},

		{"after a crash", facts{delivery: pending(3, now), endpoint: active, place: store.Place{Crashes: 2}}, "Pending: it is due and goes out with few others or alone, because 2 processes ended with it in hand."},
		{"in a batch", facts{delivery: member, endpoint: batched, place: parked}, "Pending: it is due and goes out again with all others of batch " + batch + "."},
		{"recovering", facts{delivery: pending(0, now), endpoint: active, health: recovering, place: parked}, "Pending: it is due, and the endpoint, which recovers since 2026-02-03T04:05:03Z, gets 1 per second by now."},
		{"limited", facts{delivery: pending(0, now), endpoint: limited, place: parked}, "Pending: it is due, and the endpoint's rate_limit of 50 per second is used up by others; the next look is at " + nextSecond + "."},
		{"recovered to the limit", facts{delivery: pending(3, now), endpoint: limited, health: healthAt(webhook.Health{RecoveringSince: now.Add(-time.Minute)}, now), place: store.Place{Parked: true}}, "Pending: it is due, and the endpoint's rate_limit of 50 per second is used up by others."},
		{"low priority", facts{delivery: low, endpoint: active, place: parked}, "Pending: it is due, and others of the endpoint with a higher priority go first; the next look is at " + nextSecond + "."},
		{"full", facts{delivery: pending(0, now), endpoint: active, place: parked}, "Pending: it is due, and others of the endpoint are under way; the next look is at " + nextSecond + "."},
		{"full, no time known", facts{delivery: pending(0, now), endpoint: active, place: store.Place{Parked: true}}, "Pending: it is due, and others of the endpoint are under way."},

		{"deliver at", facts{delivery: pending(0, later), endpoint: active, deliverAt: later}, "Pending: its event asks not to be delivered before " + nextHour + " (deliver_at)."},
		{"first attempt", facts{delivery: pending(0, now), endpoint: active}, "Pending: it waits for its first attempt, due now."},
		{"first attempt later", facts{delivery: pending(0, later), endpoint: active}, "Pending: it waits for its first attempt, due at " + nextHour + "."},
		{"attempts gone", facts{delivery: pending(3, now), endpoint: active}, "Pending: 3 attempts were made, and the next one is due now."},
		{"redelivered", facts{delivery: pending(3, now), endpoint: active, last: attempt("", 200, none)}, "Pending: it was redelivered after attempt 3, and the next one is due now."},
		{"broken off", facts{delivery: pending(3, now), endpoint: active, last: attempt("canceled", 0, now)}, "Pending: attempt 3 was broken off when its process stopped, and the next one is due now."},
		{"answered", facts{delivery: pending(3, later), endpoint: active, last: attempt("http_status", 500, later)}, "Pending: attempt 3 was answered with status 500, and the next one is due at " + nextHour + "."},
		{"answered, due", facts{delivery: pending(3, now), endpoint: active, last: attempt("http_status", 500, now)}, "Pending: attempt 3 was answered with status 500, and the next one is due now."},
		{"redirected", facts{delivery: pending(3, now), endpoint: active, last: attempt("redirect", 302, now)}, "Pending: attempt 3 was answered with status 302, a redirect, which is not followed, and the next one is due now."},
		{"throttled", facts{delivery: pending(3, later), endpoint: active, last: attempt("http_status", 429, later)}, "Pending: attempt 3 was answered with status 429, which slows down what is sent to the endpoint, and the next one is due at " + nextHour + "."},
		{"put off", facts{delivery: pending(3, later), endpoint: active, last: asked}, "Pending: attempt 3 was answered with status 503 and Retry-After, and the next one is due at " + nextHour + "."},
		{"retried in a batch", facts{delivery: pending(3, later), endpoint: batched, last: in(attempt("http_status", 500, later))}, "Pending: attempt 3, in batch " + batch + ", was answered with status 500, and the next one is due at " + nextHour + "."},
		// Its own time is what such a delivery waits for, not the breaker's.
		{"due after the probe", facts{delivery: pending(3, later), endpoint: active, health: failing(now), last: attempt("timeout", 0, later)}, "Pending: attempt 3 got no answer in time (timeout), and the next one is due at " + nextHour + "."},
	}
	for class, text := range endings {
		if class == webhook.ClassCanceled {
			continue
		}
		cases = append(cases, struct {
			name string
			f    facts
			want string
		}{
			"used up after " + string(class),
			facts{delivery: ended("failed", "attempts_used_up"), last: attempt(class, 0, none)},
			"Failed: all attempts are used up; attempt 3, the last one, " + text + ".",
		})
		if class == webhook.ClassTimeout {
			continue
		}
		cases = append(cases, struct {
			name string
			f    facts
			want string
		}{
			"retry after " + string(class),
			facts{delivery: pending(3, later), endpoint: active, last: attempt(class, 0, later)},
			"Pending: attempt 3 " + text + ", and the next one is due at " + nextHour + ".",
		})
	}
	number := regexp.MustCompile(`(dlv|bat)_\w+|[0-9]+`)
	seen := make(map[string]string)
	for _, tt := range cases {
		tt.f.now = now
		got := tt.f.why()
		if got != tt.want {
			t.Errorf("%s: why = %q; want %q", tt.name, got, tt.want)
		}
		text := number.ReplaceAllString(got, "#")
		if other := seen[text]; other != "" {
			t.Errorf("%s and %s have the same sentence %q: it does not name what decides", tt.name, other, text)
		}
		seen[text] = tt.name
		if strings.Contains(got, "canary") || strings.Count(got, ".")-strings.Count(got, "order.on_failure") != 1 || len(got) > 200 {
			t.Errorf("%s: why = %q; want one sentence that repeats nothing from outside", tt.name, got)
		}
	}
	if len(seen) < 60 {
		t.Errorf("there are %d different sentences; want 60 at least", len(seen))
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
		h := webhook.Health{EndpointID: "ep_1", Failures: lane.OpensAfter, Trips: trips, LastFailureAt: last}
		probe := last.Add(lane.ProbeWait(trips, lane.Phase("ep_1")))
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
		{"https://a.example/", "nats://a.example/", true},
		{"nats://a.example/", "https://a.example/", true},
		{"nats://a.example/", "nats://a.example/x", true},
		{"https://a.example/", "://", true},
		{"://", "https://a.example/", true},
		{"queue://host/a", "queue://host/b", true},
		{"queue://host/a", "queue://host/a", false},
		{"https://a.example/", "queue://a.example/", true},
		{"queue://a.example/", "https://a.example/", true},
	} {
		if got := otherHost(tt.from, tt.to); got != tt.want {
			t.Errorf("otherHost(%q, %q) = %t; want %t", tt.from, tt.to, got, tt.want)
		}
	}
}
