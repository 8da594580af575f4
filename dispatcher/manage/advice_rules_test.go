package manage

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

func TestAdviceRules(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	usual := webhook.Endpoint{Timeout: 15 * time.Second}
	limited, longest, batched, filtered := usual, usual, usual, usual
	filtered.Filter = "data.n > 1"
	limited.RateLimit.PerSecond = 50
	longest.Timeout = webhook.MaxTimeout
	batched.Batch.MaxEvents = 20
	counts := func(n int64, took time.Duration) (c webhook.Counts) {
		c.Attempts = n
		for range n {
			c.Latency.Add(took)
		}
		return c
	}
	refused := func(n, of int64) webhook.Counts {
		c := counts(of, 10*time.Millisecond)
		c.Classes, c.Statuses = map[webhook.ErrorClass]int64{webhook.ClassHTTPStatus: n}, map[int]int64{429: n}
		return c
	}
	sized := func(sizes ...int) (events []webhook.Event) {
		for _, n := range sizes {
			events = append(events, webhook.Event{ID: "evt_1", Type: "invoice.paid", Data: bytes.Repeat([]byte("1"), n)})
		}
		return events
	}
	for _, tt := range []struct {
		name string
		s    signs
		want []Advice
	}{
		{"nothing known", signs{endpoint: usual}, nil},
		{"all is well", signs{endpoint: usual, counts: counts(1000, 10*time.Millisecond), busiest: 599, events: sized(20 << 10), secretSince: now.AddDate(0, -11, 0)}, nil},

		{"slow", signs{endpoint: usual, counts: counts(100, 14*time.Second)}, []Advice{{
			AdviceTimeout, "One in a hundred attempts takes 14s or more, and the timeout is 15s: answer first and work afterwards, or raise the timeout.",
			map[string]string{"p99_ms": "14048", "timeout_ms": "15000", "timeouts": "0", "attempts": "100"},
		}}},
		{"slow, at the longest timeout", signs{endpoint: longest, counts: counts(100, 55*time.Second)}, []Advice{{
			AdviceTimeout, "One in a hundred attempts takes 55.4s or more, and the timeout is 1m0s, the longest there is: answer first and work afterwards.",
			map[string]string{"p99_ms": "55435", "timeout_ms": "60000", "timeouts": "0", "attempts": "100"},
		}}},
		{"slow, but not near", signs{endpoint: usual, counts: counts(100, 11*time.Second)}, nil},
		{"slow, but few", signs{endpoint: usual, counts: counts(19, 14*time.Second)}, nil},

		{"429s", signs{endpoint: usual, counts: refused(3, 200), mostTaken: 40}, []Advice{{
			AdviceRateLimit, "3 of 200 attempts were answered with 429: set a rate limit to what the receiver takes.",
			map[string]string{"answered_429": "3", "attempts": "200", "most_delivered_per_minute": "40"},
		}}},
		{"429s in spite of a limit", signs{endpoint: limited, counts: refused(30, 200), mostTaken: 40}, []Advice{{
			AdviceRateLimit, "30 of 200 attempts were answered with 429: lower the rate limit of 50 per second to what the receiver takes.",
			map[string]string{"answered_429": "30", "attempts": "200", "most_delivered_per_minute": "40", "rate_limit_per_second": "50"},
		}}},
		{"one 429 in a hundred", signs{endpoint: usual, counts: refused(2, 200)}, nil},

		{"busy", signs{endpoint: usual, counts: counts(1000, 10*time.Millisecond), busiest: 600}, []Advice{{
			AdviceBatch, "The busiest minute had 600 requests: batches would make them few.",
			map[string]string{"most_attempts_per_minute": "600", "p50_ms": "10"},
		}}},
		{"busy in batches", signs{endpoint: batched, counts: counts(1000, 10*time.Millisecond), busiest: 600}, nil},

		{"a filter that is never true", signs{endpoint: filtered, keptBack: 20, now: now}, []Advice{{
			AdviceFilter, "The filter has let none of 20 events through: try it with one of them in the preview.",
			map[string]string{"kept_back": "20", "passed": "0", "since": "2026-02-02T04:05:06Z"},
		}}},
		{"a filter that is never true since yesterday", signs{endpoint: filtered, keptBack: 19, now: now}, nil},
		{"a filter that is true once", signs{endpoint: filtered, keptBack: 1000, passed: 1, now: now}, nil},
		{"a filter that was taken away", signs{endpoint: usual, keptBack: 1000, now: now}, nil},

		{"large", signs{endpoint: usual, events: sized(100, 20<<10+1, 30<<10)}, []Advice{{
			AdvicePayload, "2 of the latest 3 events have payloads over 20 KiB: send a link to what is large.",
			map[string]string{"largest_bytes": "30720", "event_id": "evt_1", "event_type": "invoice.paid"},
		}}},

		{"old secret", signs{endpoint: usual, secretSince: now.Add(-400 * 24 * time.Hour)}, []Advice{{
			AdviceSecret, "The signing secret is 400 days old: rotate it.",
			map[string]string{"secret_created_at": "2024-12-30T04:05:06Z", "age_days": "400"},
		}}},
	} {
		tt.s.now = now
		got := tt.s.advice()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: advice (-want +got):\n%s", tt.name, diff)
		}
		for _, a := range got {
			if values := slices.Collect(maps.Values(a.Evidence)); !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(a.Text, v) }) && a.Code != AdviceTimeout && a.Code != AdvicePayload {
				t.Errorf("%s: %q has nothing of its evidence %v", tt.name, a.Text, a.Evidence)
			}
		}
	}
}
