package engine

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/webhook"
)

// anyEndpoint has no wishes of its own.
var anyEndpoint = new(webhook.Endpoint)

func TestDecide(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const (
		pending   = webhook.DeliveryPending
		delivered = webhook.DeliveryDelivered
		failed    = webhook.DeliveryFailed
		used      = webhook.ReasonAttemptsUsedUp
	)
	noJitter := webhook.RetryPolicy{Jitter: -1}
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	for _, tc := range []struct {
		name   string
		answer send.Answer
		done   int
		want   outcome
	}{
		{"200", send.Answer{StatusCode: 200}, 1, outcome{status: delivered, result: lane.Succeeded}},
		{"204", send.Answer{StatusCode: 204}, 9, outcome{status: delivered, result: lane.Succeeded}},
		{"299", send.Answer{StatusCode: 299}, 10, outcome{status: delivered, result: lane.Succeeded}},
		{"a redirect is a failure", send.Answer{StatusCode: 301}, 1, outcome{class: webhook.ClassRedirect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"304 is no success", send.Answer{StatusCode: 304}, 1, outcome{class: webhook.ClassRedirect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"404", send.Answer{StatusCode: 404}, 2, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Minute), result: lane.Failed}},
		{"410 pauses the endpoint and keeps the delivery", send.Answer{StatusCode: 410}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Failed, gone: true}},
		{"410 at the last attempt", send.Answer{StatusCode: 410}, 10, outcome{class: webhook.ClassHTTPStatus, status: failed, reason: used, result: lane.Failed, gone: true}},
		{"500", send.Answer{StatusCode: 500}, 9, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(24 * time.Hour), result: lane.Failed}},
		{"500 at the last attempt", send.Answer{StatusCode: 500}, 10, outcome{class: webhook.ClassHTTPStatus, status: failed, reason: used, result: lane.Failed}},
		{"502 throttles", send.Answer{StatusCode: 502}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"504 throttles", send.Answer{StatusCode: 504}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"429 with a longer Retry-After", send.Answer{StatusCode: 429, Header: after("60")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(time.Minute), result: lane.Throttled}},
		{"429 with a shorter Retry-After", send.Answer{StatusCode: 429, Header: after("1")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"503 with a date", send.Answer{StatusCode: 503, Header: after(at.Add(time.Hour).Format(http.TimeFormat))}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(time.Hour), result: lane.Throttled}},
		{"503 that asks for a year", send.Answer{StatusCode: 503, Header: after("31536000")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(24 * time.Hour), result: lane.Throttled}},
		{"Retry-After counts with 429 and 503 alone", send.Answer{StatusCode: 500, Header: after("3600")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"Retry-After that is junk", send.Answer{StatusCode: 429, Header: after("soon")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"timeout throttles", send.Answer{Class: webhook.ClassTimeout}, 1, outcome{class: webhook.ClassTimeout, status: pending, due: at.Add(5 * time.Second), result: lane.TimedOut}},
		{"refused", send.Answer{Class: webhook.ClassConnect}, 1, outcome{class: webhook.ClassConnect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"a blocked address is tried again", send.Answer{Class: webhook.ClassBlockedAddress}, 1, outcome{class: webhook.ClassBlockedAddress, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"no token is tried again", send.Answer{Class: webhook.ClassAuth}, 1, outcome{class: webhook.ClassAuth, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"a refused token that could not be renewed", send.Answer{Class: webhook.ClassAuth, StatusCode: 401}, 1, outcome{class: webhook.ClassAuth, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"broken off by us", send.Answer{Class: webhook.ClassCanceled}, 10, outcome{class: webhook.ClassCanceled, status: pending, due: at, result: lane.Neutral}},
		{"our own fault says nothing about the endpoint", send.Answer{Class: webhook.ClassInternal}, 1, outcome{class: webhook.ClassInternal, status: pending, due: at.Add(5 * time.Second), result: lane.Neutral}},
		{"a transform that fails says nothing about the endpoint", send.Answer{Class: webhook.ClassTransformError}, 1, outcome{class: webhook.ClassTransformError, status: pending, due: at.Add(5 * time.Second), result: lane.Neutral}},
		{"a transform that keeps failing", send.Answer{Class: webhook.ClassTransformError}, 10, outcome{class: webhook.ClassTransformError, status: failed, reason: used, result: lane.Neutral}},
		{"a filter that fails ends it", send.Answer{Class: webhook.ClassFilterError}, 1, outcome{class: webhook.ClassFilterError, status: failed, reason: webhook.ReasonFilterError, result: lane.Neutral}},
		{"our own fault ends too", send.Answer{Class: webhook.ClassInternal}, 10, outcome{class: webhook.ClassInternal, status: failed, reason: used, result: lane.Neutral}},
	} {
		if tc.want.status == pending && tc.want.class != webhook.ClassCanceled {
			tc.want.due = tc.want.due.Add(time.Microsecond) // rounded up
		}
		got := decide(tc.answer, situation{at: at, done: tc.done, endpoint: anyEndpoint, policy: noJitter, random: 0.9})
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s: decide (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestDecideBySuccessStatuses(t *testing.T) {
	legacy := &webhook.Endpoint{SuccessStatuses: []int{202, 301, 404, 410}} // 301 is refused at creation
	for code, class := range map[int]webhook.ErrorClass{
		200: webhook.ClassHTTPStatus, 202: webhook.ClassNone, 301: webhook.ClassRedirect, 302: webhook.ClassRedirect,
		404: webhook.ClassNone, 410: webhook.ClassNone, 429: webhook.ClassHTTPStatus,
	} {
		got := decide(send.Answer{StatusCode: code}, situation{done: 1, endpoint: legacy})
		if got.class != class || got.gone || (got.status == webhook.DeliveryDelivered) != (class == webhook.ClassNone) {
			t.Errorf("%d: decide = %+v, want class %q and an endpoint that is not gone", code, got, class)
		}
	}
}

func TestDecideByAge(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for until, reason := range map[time.Duration]webhook.Reason{
		6 * time.Second: "", 5 * time.Second: webhook.ReasonTooOld, -time.Hour: webhook.ReasonTooOld,
	} {
		got := decide(send.Answer{StatusCode: 500}, situation{
			at: at, done: 1, endpoint: anyEndpoint, policy: webhook.RetryPolicy{Jitter: -1}, until: at.Add(until),
		})
		if got.reason != reason || (got.status == webhook.DeliveryFailed) != (reason != "") || got.due.IsZero() != (reason != "") {
			t.Errorf("tried again in 5 s, too old in %v: decide = %+v, want reason %q", until, got, reason)
		}
	}
}

func TestDecideKeepsJitterWithinAFifth(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for random, want := range map[float64]time.Duration{0: 4 * time.Second, 0.5: 5 * time.Second} {
		got := decide(send.Answer{StatusCode: 500}, situation{at: at, done: 1, endpoint: anyEndpoint, random: random})
		if wait := got.due.Sub(at); wait != want+time.Microsecond {
			t.Errorf("with random %v the wait is %v, want %v", random, wait, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"", "0", "-1", "120", "1e9", "99999999999999999999", " 5 ", "Fri, 31 Dec 1999 23:59:59 GMT", "Sun, 01 Mar 2026 13:00:00 GMT", "5, 6", "٣", "\x00"} {
		f.Add(v)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		wait, ok := retryAfter(value, at)
		if ok && wait <= 0 {
			t.Errorf("retryAfter(%q) = %v, true; a wait that is none must not count", value, wait)
		}
		out := decide(send.Answer{StatusCode: 429, Header: http.Header{"Retry-After": {value}}}, situation{at: at, done: 1, endpoint: anyEndpoint, policy: webhook.RetryPolicy{Jitter: -1}})
		if d := out.due.Sub(at); d < 5*time.Second || d > 24*time.Hour+time.Microsecond {
			t.Errorf("Retry-After %q puts the delivery off by %v, want 5 s to 24 h", value, d)
		}
	})
}
