package webhook_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

// waits returns the wait before each attempt of a policy, jitter in the middle.
func waits(t *testing.T, p webhook.RetryPolicy) []time.Duration {
	t.Helper()
	var all []time.Duration
	for done := 0; ; done++ {
		w, ok := p.Wait(done, 0.5)
		if !ok {
			break
		}
		all = append(all, w)
	}
	if len(all) != p.Attempts() {
		t.Errorf("Wait allows %d attempts; Attempts() = %d", len(all), p.Attempts())
	}
	return all
}

func TestDefaultSchedule(t *testing.T) {
	var sum time.Duration
	for _, w := range waits(t, webhook.RetryPolicy{}) {
		sum += w
	}
	if want := 75*time.Hour + 35*time.Minute + 5*time.Second; sum != want {
		t.Errorf("the default schedule lasts %v; want %v", sum, want)
	}
	if got := (webhook.RetryPolicy{}).Attempts(); got != 10 {
		t.Errorf("Attempts() = %d; want 10", got)
	}
	if diff := cmp.Diff(webhook.DefaultSchedule, waits(t, webhook.RetryPolicy{})); diff != "" {
		t.Errorf("the zero policy is not the default schedule: %s", diff)
	}
}

func TestRetryPolicyWait(t *testing.T) {
	const s, h = time.Second, time.Hour
	for _, tt := range []struct {
		name   string
		policy webhook.RetryPolicy
		want   []time.Duration
	}{
		{"schedule", webhook.RetryPolicy{Schedule: []time.Duration{0, s, 3 * s}}, []time.Duration{0, s, 3 * s}},
		{"delayed first attempt", webhook.RetryPolicy{Schedule: []time.Duration{2 * s}}, []time.Duration{2 * s}},
		{"doubling", webhook.RetryPolicy{Initial: s, MaxAttempts: 5}, []time.Duration{0, s, 2 * s, 4 * s, 8 * s}},
		{"factor", webhook.RetryPolicy{Initial: 2 * s, Multiplier: 1.5, MaxAttempts: 4}, []time.Duration{0, 2 * s, 3 * s, 4500 * time.Millisecond}},
		{"constant", webhook.RetryPolicy{Initial: s, Multiplier: 1, MaxAttempts: 3}, []time.Duration{0, s, s}},
		{"capped", webhook.RetryPolicy{Initial: s, MaxInterval: 3 * s, MaxAttempts: 5}, []time.Duration{0, s, 2 * s, 3 * s, 3 * s}},
		{"cap under initial", webhook.RetryPolicy{Initial: 10 * s, MaxInterval: 3 * s, MaxAttempts: 3}, []time.Duration{0, 3 * s, 3 * s}},
		{"default cap", webhook.RetryPolicy{Initial: 20 * h, MaxAttempts: 4}, []time.Duration{0, 20 * h, 24 * h, 24 * h}},
		{"one attempt", webhook.RetryPolicy{Initial: s, MaxAttempts: 1}, []time.Duration{0}},
	} {
		if diff := cmp.Diff(tt.want, waits(t, tt.policy)); diff != "" {
			t.Errorf("%s (-want +got): %s", tt.name, diff)
		}
	}
	if got := len(waits(t, webhook.RetryPolicy{Initial: s})); got != 10 {
		t.Errorf("an exponential policy has %d attempts; want 10 by default", got)
	}
	if _, ok := (webhook.RetryPolicy{}).Wait(-1, 0.5); ok {
		t.Error("Wait(-1) = true; want false")
	}
}

func TestRetryPolicyJitter(t *testing.T) {
	const wait = 100 * time.Second
	for _, tt := range []struct {
		jitter    float64
		low, high time.Duration
	}{
		{0, 80 * time.Second, 120 * time.Second}, // the default
		{0.5, 50 * time.Second, 150 * time.Second},
		{0.01, 99 * time.Second, 101 * time.Second},
		{-1, wait, wait},
	} {
		p := webhook.RetryPolicy{Schedule: []time.Duration{wait}, Jitter: tt.jitter}
		low, _ := p.Wait(0, 0)
		high, _ := p.Wait(0, math.Nextafter(1, 0))
		if low != tt.low || high > tt.high || tt.high-high > time.Millisecond {
			t.Errorf("jitter %v: waits from %v to %v; want %v to %v", tt.jitter, low, high, tt.low, tt.high)
		}
	}
	if w, _ := (webhook.RetryPolicy{}).Wait(0, 0); w != 0 {
		t.Errorf("the first attempt waits %v; want 0: jitter of nothing is nothing", w)
	}
}

func TestRetryPolicyValidation(t *testing.T) {
	const s, day = time.Second, 24 * time.Hour
	some := func(n int) []time.Duration { return make([]time.Duration, n) }
	for _, tt := range []struct {
		name   string
		policy webhook.RetryPolicy
		want   []string
	}{
		{"zero", webhook.RetryPolicy{}, nil},
		{"schedule", webhook.RetryPolicy{Schedule: some(50)}, nil},
		{"longest wait", webhook.RetryPolicy{Schedule: []time.Duration{7 * day}}, nil},
		{"exponential", webhook.RetryPolicy{Initial: s, Multiplier: 10, MaxInterval: 7 * day, MaxAttempts: 50, Jitter: 0.5}, nil},
		{"no jitter", webhook.RetryPolicy{Jitter: -1}, nil},
		{"both", webhook.RetryPolicy{Schedule: some(1), Initial: s}, []string{"retry"}},
		{"schedule and attempts", webhook.RetryPolicy{Schedule: some(1), MaxAttempts: 3}, []string{"retry"}},
		{"empty schedule", webhook.RetryPolicy{Schedule: some(0)}, []string{"retry.schedule_seconds"}},
		{"51 entries", webhook.RetryPolicy{Schedule: some(51)}, []string{"retry.schedule_seconds"}},
		{"negative entry", webhook.RetryPolicy{Schedule: []time.Duration{-1}}, []string{"retry.schedule_seconds"}},
		{"long entry", webhook.RetryPolicy{Schedule: []time.Duration{7*day + 1}}, []string{"retry.schedule_seconds"}},
		{"attempts alone", webhook.RetryPolicy{MaxAttempts: 3}, []string{"retry.initial_seconds"}},
		{"short initial", webhook.RetryPolicy{Initial: s - 1}, []string{"retry.initial_seconds"}},
		{"negative initial", webhook.RetryPolicy{Initial: -s}, []string{"retry.initial_seconds"}},
		{"long initial", webhook.RetryPolicy{Initial: 7*day + 1}, []string{"retry.initial_seconds"}},
		{"small multiplier", webhook.RetryPolicy{Initial: s, Multiplier: 0.9}, []string{"retry.multiplier"}},
		{"large multiplier", webhook.RetryPolicy{Initial: s, Multiplier: 10.1}, []string{"retry.multiplier"}},
		{"NaN multiplier", webhook.RetryPolicy{Initial: s, Multiplier: math.NaN()}, []string{"retry.multiplier"}},
		{"short cap", webhook.RetryPolicy{Initial: s, MaxInterval: 1}, []string{"retry.max_interval_seconds"}},
		{"negative cap", webhook.RetryPolicy{Initial: s, MaxInterval: -s}, []string{"retry.max_interval_seconds"}},
		{"long cap", webhook.RetryPolicy{Initial: s, MaxInterval: 7*day + 1}, []string{"retry.max_interval_seconds"}},
		{"negative attempts", webhook.RetryPolicy{Initial: s, MaxAttempts: -1}, []string{"retry.max_attempts"}},
		{"51 attempts", webhook.RetryPolicy{Initial: s, MaxAttempts: 51}, []string{"retry.max_attempts"}},
		{"large jitter", webhook.RetryPolicy{Jitter: 0.51}, []string{"retry.jitter"}},
		{"NaN jitter", webhook.RetryPolicy{Jitter: math.NaN()}, []string{"retry.jitter"}},
		{"several at once", webhook.RetryPolicy{Initial: s, Multiplier: 11, MaxAttempts: 51, Jitter: 2}, []string{"retry.multiplier", "retry.max_attempts", "retry.jitter"}},
	} {
		ep := validEndpoint()
		ep.Retry = tt.policy
		if diff := cmp.Diff(tt.want, fieldsOf(t, ep.Validate())); diff != "" {
			t.Errorf("%s: fields at fault (-want +got): %s", tt.name, diff)
		}
	}
}
