package webhook_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

func TestEndpointControlIsValidated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*webhook.Endpoint)
		field  string
	}{
		{"GET", func(ep *webhook.Endpoint) { ep.Method = "GET" }, "method"},
		{"post in lower case", func(ep *webhook.Endpoint) { ep.Method = "post" }, "method"},
		{"a rate of NaN", func(ep *webhook.Endpoint) { ep.RateLimit.PerSecond = math.NaN() }, "rate_limit.per_second"},
		{"a negative rate", func(ep *webhook.Endpoint) { ep.RateLimit.PerSecond = -1 }, "rate_limit.per_second"},
		{"a tiny rate", func(ep *webhook.Endpoint) { ep.RateLimit.PerSecond = 0.001 }, "rate_limit.per_second"},
		{"a huge rate", func(ep *webhook.Endpoint) { ep.RateLimit.PerSecond = 10_001 }, "rate_limit.per_second"},
		{"a burst without a rate", func(ep *webhook.Endpoint) { ep.RateLimit.Burst = 1 }, "rate_limit.burst"},
		{"a huge burst", func(ep *webhook.Endpoint) { ep.RateLimit = webhook.RateLimit{PerSecond: 1, Burst: 1001} }, "rate_limit.burst"},
		{"a batch of one", func(ep *webhook.Endpoint) { ep.Batch.MaxEvents = 1 }, "batch.max_events"},
		{"a batch of many", func(ep *webhook.Endpoint) { ep.Batch.MaxEvents = 101 }, "batch.max_events"},
		{"a wait without a batch", func(ep *webhook.Endpoint) { ep.Batch.MaxWait = time.Second }, "batch.max_wait_ms"},
		{"a long wait", func(ep *webhook.Endpoint) { ep.Batch = webhook.Batch{MaxEvents: 2, MaxWait: 61 * time.Second} }, "batch.max_wait_ms"},
		{"an unknown end of order", func(ep *webhook.Endpoint) { ep.Order = webhook.Order{Enabled: true, OnFailure: "stop"} }, "order.on_failure"},
		{"an end of no order", func(ep *webhook.Endpoint) { ep.Order.OnFailure = webhook.OrderSkip }, "order.on_failure"},
		{"an unknown priority", func(ep *webhook.Endpoint) { ep.Priority = "urgent" }, "priority"},
		{"an unknown way to pause", func(ep *webhook.Endpoint) { ep.OnPaused = "drop" }, "on_paused"},
		{"a hasty pause", func(ep *webhook.Endpoint) { ep.AutoPauseAfter = 4 }, "auto_pause_after"},
		{"a redirect as success", func(ep *webhook.Endpoint) { ep.SuccessStatuses = []int{200, 302} }, "success_statuses"},
		{"a status twice", func(ep *webhook.Endpoint) { ep.SuccessStatuses = []int{200, 200} }, "success_statuses"},
		{"no status", func(ep *webhook.Endpoint) { ep.SuccessStatuses = []int{99} }, "success_statuses"},
		{"half a day", func(ep *webhook.Endpoint) { ep.DeadLetter.Retain = 12 * time.Hour }, "dead_letter.retain_days"},
		{"an empty source", func(ep *webhook.Endpoint) { ep.Sources = []string{""} }, "sources"},
		{"an allowed IP that is none", func(ep *webhook.Endpoint) { ep.AllowedIPs = []string{"10.0.0.0/8", "a.example"} }, "allowed_ips"},
		{"a denied range with host bits", func(ep *webhook.Endpoint) { ep.DeniedIPs = []string{"10.1.0.0/8"} }, "denied_ips"},
		{"an IP with a zone", func(ep *webhook.Endpoint) { ep.DeniedIPs = []string{"fe80::1%eth0"} }, "denied_ips"},
		{"an IPv4 address in IPv6", func(ep *webhook.Endpoint) { ep.AllowedIPs = []string{"::ffff:10.0.0.1"} }, "allowed_ips"},
		{"many allowed IPs", func(ep *webhook.Endpoint) { ep.AllowedIPs = slices.Repeat([]string{"8.8.8.8"}, 101) }, "allowed_ips"},
		{"an empty channel", func(ep *webhook.Endpoint) { ep.Channels = []string{""} }, "channels"},
		{"a long channel", func(ep *webhook.Endpoint) { ep.Channels = []string{strings.Repeat("a", 65)} }, "channels"},
		{"many channels", func(ep *webhook.Endpoint) { ep.Channels = slices.Repeat([]string{"a"}, 11) }, "channels"},
		{"many sources", func(ep *webhook.Endpoint) { ep.Sources = make([]string, 11) }, "sources"},
	} {
		ep := validEndpoint()
		tt.change(&ep)
		checkInvalid(t, "Endpoint, "+tt.name, ep.Validate(), tt.field, webhook.CodeInvalidField)
	}
}

func TestEndpointControlDefaults(t *testing.T) {
	ep := validEndpoint()
	ep.RateLimit.PerSecond, ep.Batch.MaxEvents, ep.Order.Enabled = 2, 10, true
	got := ep.WithDefaults()
	want := got.Clone()
	want.RateLimit = webhook.RateLimit{PerSecond: 2, Burst: 1}
	want.Batch = webhook.Batch{MaxEvents: 10, MaxWait: time.Second}
	want.Order = webhook.Order{Enabled: true, OnFailure: webhook.OrderBlock}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("WithDefaults (-want +got): %s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("Validate of the defaults = %v; want nil", err)
	}
}

func TestAccepts(t *testing.T) {
	plain, own := validEndpoint(), validEndpoint()
	own.SuccessStatuses = []int{200, 409}
	for _, tt := range []struct {
		ep     *webhook.Endpoint
		status int
		want   bool
	}{{&plain, 200, true}, {&plain, 299, true}, {&plain, 300, false}, {&plain, 199, false}, {&own, 200, true}, {&own, 201, false}, {&own, 409, true}} {
		if got := tt.ep.Accepts(tt.status); got != tt.want {
			t.Errorf("Accepts(%d) with %v = %v; want %v", tt.status, tt.ep.SuccessStatuses, got, tt.want)
		}
	}
}

func TestEventControlIsValidated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*webhook.Event)
		field  string
	}{
		{"a long ordering key", func(ev *webhook.Event) { ev.OrderingKey = strings.Repeat("x", 256) }, "ordering_key"},
		{"a NUL in the source", func(ev *webhook.Event) { ev.Source = "a\x00" }, "source"},
		{"a long source", func(ev *webhook.Event) { ev.Source = strings.Repeat("x", 65) }, "source"},
		{"an unknown priority", func(ev *webhook.Event) { ev.Priority = "urgent" }, "priority"},
		{"a time that cannot be written", func(ev *webhook.Event) { ev.DeliverAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }, "deliver_at"},
	} {
		ev := validEvent()
		tt.change(&ev)
		checkInvalid(t, "Event, "+tt.name, ev.Validate(), tt.field, webhook.CodeInvalidField)
	}
}

func TestRateInterval(t *testing.T) {
	for rate, want := range map[float64]time.Duration{0: 0, 50: 20 * time.Millisecond, 0.01: 100 * time.Second} {
		if got := (webhook.RateLimit{PerSecond: rate}).Interval(); got != want {
			t.Errorf("Interval of %v/s = %v; want %v", rate, got, want)
		}
	}
}

func TestPriorityRanks(t *testing.T) {
	for rank, p := range []webhook.Priority{webhook.PriorityHigh, webhook.PriorityNormal, webhook.PriorityLow} {
		if p.Rank() != rank || webhook.PriorityOf(rank) != p {
			t.Errorf("rank of %s = %d, priority of %d = %s", p, p.Rank(), rank, webhook.PriorityOf(rank))
		}
	}
	if webhook.Priority("").Rank() != webhook.PriorityNormal.Rank() {
		t.Error("what is not said ranks differently from normal")
	}
}
