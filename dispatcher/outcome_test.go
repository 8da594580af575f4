package dispatcher

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/webhook"
)

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
		answer answer
		done   int
		want   outcome
	}{
		{"200", answer{statusCode: 200}, 1, outcome{status: delivered, result: lane.Succeeded}},
		{"204", answer{statusCode: 204}, 9, outcome{status: delivered, result: lane.Succeeded}},
		{"299", answer{statusCode: 299}, 10, outcome{status: delivered, result: lane.Succeeded}},
		{"a redirect is a failure", answer{statusCode: 301}, 1, outcome{class: webhook.ClassRedirect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"304 is no success", answer{statusCode: 304}, 1, outcome{class: webhook.ClassRedirect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"404", answer{statusCode: 404}, 2, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Minute), result: lane.Failed}},
		{"410 pauses the endpoint and keeps the delivery", answer{statusCode: 410}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Failed, gone: true}},
		{"410 at the last attempt", answer{statusCode: 410}, 10, outcome{class: webhook.ClassHTTPStatus, status: failed, reason: used, result: lane.Failed, gone: true}},
		{"500", answer{statusCode: 500}, 9, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(24 * time.Hour), result: lane.Failed}},
		{"500 at the last attempt", answer{statusCode: 500}, 10, outcome{class: webhook.ClassHTTPStatus, status: failed, reason: used, result: lane.Failed}},
		{"502 throttles", answer{statusCode: 502}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"504 throttles", answer{statusCode: 504}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"429 with a longer Retry-After", answer{statusCode: 429, header: after("60")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(time.Minute), result: lane.Throttled}},
		{"429 with a shorter Retry-After", answer{statusCode: 429, header: after("1")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"503 with a date", answer{statusCode: 503, header: after(at.Add(time.Hour).Format(http.TimeFormat))}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(time.Hour), result: lane.Throttled}},
		{"503 that asks for a year", answer{statusCode: 503, header: after("31536000")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(24 * time.Hour), result: lane.Throttled}},
		{"Retry-After counts with 429 and 503 alone", answer{statusCode: 500, header: after("3600")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"Retry-After that is junk", answer{statusCode: 429, header: after("soon")}, 1, outcome{class: webhook.ClassHTTPStatus, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"timeout throttles", answer{class: webhook.ClassTimeout}, 1, outcome{class: webhook.ClassTimeout, status: pending, due: at.Add(5 * time.Second), result: lane.Throttled}},
		{"refused", answer{class: webhook.ClassConnect}, 1, outcome{class: webhook.ClassConnect, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"a blocked address is tried again", answer{class: webhook.ClassBlockedAddress}, 1, outcome{class: webhook.ClassBlockedAddress, status: pending, due: at.Add(5 * time.Second), result: lane.Failed}},
		{"broken off by us", answer{class: webhook.ClassCanceled}, 10, outcome{class: webhook.ClassCanceled, status: pending, due: at, result: lane.Neutral}},
		{"our own fault says nothing about the endpoint", answer{class: webhook.ClassInternal}, 1, outcome{class: webhook.ClassInternal, status: pending, due: at.Add(5 * time.Second), result: lane.Neutral}},
		{"our own fault ends too", answer{class: webhook.ClassInternal}, 10, outcome{class: webhook.ClassInternal, status: failed, reason: used, result: lane.Neutral}},
	} {
		if tc.want.status == pending && tc.want.class != webhook.ClassCanceled {
			tc.want.due = tc.want.due.Add(time.Microsecond) // rounded up
		}
		got := decide(tc.answer, situation{at: at, done: tc.done, policy: noJitter, random: 0.9})
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s: decide (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestDecideKeepsJitterWithinAFifth(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for random, want := range map[float64]time.Duration{0: 4 * time.Second, 0.5: 5 * time.Second} {
		got := decide(answer{statusCode: 500}, situation{at: at, done: 1, random: random})
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
		out := decide(answer{statusCode: 429, header: http.Header{"Retry-After": {value}}}, situation{at: at, done: 1, policy: webhook.RetryPolicy{Jitter: -1}})
		if d := out.due.Sub(at); d < 5*time.Second || d > 24*time.Hour+time.Microsecond {
			t.Errorf("Retry-After %q puts the delivery off by %v, want 5 s to 24 h", value, d)
		}
	})
}
