package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

func validEndpoint() webhook.Endpoint {
	return webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks"}
}

func TestEndpointValidate(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name        string
		change      func(*webhook.Endpoint)
		field, code string
	}{
		{"valid", func(*webhook.Endpoint) {}, "", ""},
		{"with defaults", func(ep *webhook.Endpoint) { *ep = ep.WithDefaults() }, "", ""},
		{"subscribed to nothing", func(ep *webhook.Endpoint) { ep.EventTypes = []string{} }, "", ""},
		{"everything at its limit", func(ep *webhook.Endpoint) {
			ep.Tenant, ep.Description = long(255), long(1000)
			ep.URL = "https://" + long(2040)
			ep.Labels = slices.Repeat([]string{long(64)}, 20)
			ep.EventTypes = slices.Repeat([]string{"a.*"}, 100)
			ep.Timeout, ep.MaxInFlight, ep.AutoPauseAfter = time.Minute, 1000, -1
			ep.Signature.Scheme, ep.Status, ep.PauseCause = webhook.SchemeV1a, webhook.EndpointPaused, webhook.PausedByGone
			ep.StatusReason = long(1000)
			ep.Metadata = map[string]string{"k": long(4<<10 - 1)}
		}, "", ""},

		{"long tenant", func(ep *webhook.Endpoint) { ep.Tenant = long(256) }, "tenant", webhook.CodeInvalidField},
		{"NUL in tenant", func(ep *webhook.Endpoint) { ep.Tenant = "\x00" }, "tenant", webhook.CodeInvalidField},
		{"no url", func(ep *webhook.Endpoint) { ep.URL = "" }, "url", webhook.CodeURLInvalid},
		{"long url", func(ep *webhook.Endpoint) { ep.URL = "https://" + long(2041) }, "url", webhook.CodeURLInvalid},
		{"NUL in url", func(ep *webhook.Endpoint) { ep.URL = "https://a\x00" }, "url", webhook.CodeURLInvalid},
		{"url is not UTF-8", func(ep *webhook.Endpoint) { ep.URL = "https://a/\xff" }, "url", webhook.CodeURLInvalid},
		{"long description", func(ep *webhook.Endpoint) { ep.Description = long(1001) }, "description", webhook.CodeInvalidField},
		{"control in description", func(ep *webhook.Endpoint) { ep.Description = "a\x1b[0m" }, "description", webhook.CodeInvalidField},
		{"21 labels", func(ep *webhook.Endpoint) { ep.Labels = slices.Repeat([]string{"l"}, 21) }, "labels", webhook.CodeInvalidField},
		{"empty label", func(ep *webhook.Endpoint) { ep.Labels = []string{"a", ""} }, "labels", webhook.CodeInvalidField},
		{"long labels", func(ep *webhook.Endpoint) { ep.Labels = []string{long(65), long(66)} }, "labels", webhook.CodeInvalidField},
		{"newline in label", func(ep *webhook.Endpoint) { ep.Labels = []string{"a\n"} }, "labels", webhook.CodeInvalidField},
		{"101 patterns", func(ep *webhook.Endpoint) { ep.EventTypes = slices.Repeat([]string{"*"}, 101) }, "event_types", webhook.CodeInvalidField},
		{"bad patterns", func(ep *webhook.Endpoint) { ep.EventTypes = []string{"ok", "*.x", ""} }, "event_types", webhook.CodeInvalidField},
		{"reserved header", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"Content_Length": "1"} }, "headers", webhook.CodeHeaderNotAllowed},
		{"bad header", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"X": "\n"} }, "headers", webhook.CodeInvalidField},
		{"short timeout", func(ep *webhook.Endpoint) { ep.Timeout = time.Second - 1 }, "timeout_seconds", webhook.CodeInvalidField},
		{"negative timeout", func(ep *webhook.Endpoint) { ep.Timeout = -1 }, "timeout_seconds", webhook.CodeInvalidField},
		{"long timeout", func(ep *webhook.Endpoint) { ep.Timeout = time.Minute + 1 }, "timeout_seconds", webhook.CodeInvalidField},
		{"bad retry", func(ep *webhook.Endpoint) { ep.Retry.Jitter = 1 }, "retry.jitter", webhook.CodeInvalidField},
		{"negative in flight", func(ep *webhook.Endpoint) { ep.MaxInFlight = -1 }, "max_in_flight", webhook.CodeInvalidField},
		{"many in flight", func(ep *webhook.Endpoint) { ep.MaxInFlight = 1001 }, "max_in_flight", webhook.CodeInvalidField},
		{"unknown signature", func(ep *webhook.Endpoint) { ep.Signature.Scheme = "none" }, "signature.scheme", webhook.CodeInvalidField},
		{"unknown status", func(ep *webhook.Endpoint) { ep.Status = "deleted" }, "status", webhook.CodeInvalidField},
		{"NUL in reason", func(ep *webhook.Endpoint) { ep.StatusReason = "\x00" }, "status_reason", webhook.CodeInvalidField},
		{"unknown format", func(ep *webhook.Endpoint) { ep.Format = "xml" }, "format", webhook.CodeInvalidField},
		{"binary batch", func(ep *webhook.Endpoint) { ep.Format, ep.Batch.MaxEvents = webhook.FormatCloudEventsBinary, 2 }, "format", webhook.CodeInvalidField},
		{"long filter", func(ep *webhook.Endpoint) { ep.Filter = long(4<<10 + 1) }, "filter", webhook.CodeFilterInvalid},
		{"NUL in filter", func(ep *webhook.Endpoint) { ep.Filter = "true\x00" }, "filter", webhook.CodeFilterInvalid},
		{"long transform", func(ep *webhook.Endpoint) { ep.Transform = long(4<<10 + 1) }, "transform", webhook.CodeTransformInvalid},
		{"no pointer", func(ep *webhook.Endpoint) { ep.Anonymize = anonymize("a", "remove") }, "anonymize", webhook.CodeInvalidField},
		{"pointer to all", func(ep *webhook.Endpoint) { ep.Anonymize = anonymize("", "remove") }, "anonymize", webhook.CodeInvalidField},
		{"long pointer", func(ep *webhook.Endpoint) { ep.Anonymize = anonymize("/"+long(256), "hash") }, "anonymize", webhook.CodeInvalidField},
		{"unknown action", func(ep *webhook.Endpoint) { ep.Anonymize = anonymize("/a", "mask") }, "anonymize", webhook.CodeInvalidField},
		{"many pointers", func(ep *webhook.Endpoint) { ep.Anonymize = slices.Repeat(anonymize("/a", "hash"), 51) }, "anonymize", webhook.CodeInvalidField},
		{"CloudEvents header", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"CE-Id": "1"} }, "headers", webhook.CodeHeaderNotAllowed},
		{"long metadata", func(ep *webhook.Endpoint) { ep.Metadata = map[string]string{"k": long(4 << 10)} }, "metadata", webhook.CodeInvalidField},
	} {
		ep := validEndpoint()
		tt.change(&ep)
		checkInvalid(t, "Endpoint, "+tt.name, ep.Validate(), tt.field, tt.code)
	}

	bad := webhook.Endpoint{Tenant: "\x00", Labels: []string{""}, EventTypes: []string{""}, Timeout: 1, MaxInFlight: -1, Signature: webhook.Signature{Scheme: "x"}, Status: "x"}
	want := []string{"tenant", "url", "labels", "event_types", "timeout_seconds", "max_in_flight", "signature.scheme", "status"}
	if diff := cmp.Diff(want, fieldsOf(t, bad.Validate())); diff != "" {
		t.Errorf("fields at fault (-want +got): %s", diff)
	}
}

func anonymize(at string, action webhook.AnonymizeAction) []webhook.Anonymization {
	return []webhook.Anonymization{{Pointer: at, Action: action}}
}

func TestEndpointWithDefaults(t *testing.T) {
	got := validEndpoint().WithDefaults()
	want := webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks", EventTypes: []string{"*"}, Timeout: 15 * time.Second,
		AutoPauseAfter: 100, Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Status: webhook.EndpointActive,
		Method: http.MethodPost, OnPaused: webhook.OnPausedHold, Format: webhook.FormatStandard,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("WithDefaults (-want +got): %s", diff)
	}
	if diff := cmp.Diff(got, got.WithDefaults()); diff != "" {
		t.Errorf("WithDefaults twice is not WithDefaults once: %s", diff)
	}

	none := webhook.Endpoint{EventTypes: []string{}}.WithDefaults()
	if none.EventTypes == nil || len(none.EventTypes) != 0 {
		t.Errorf("EventTypes = %#v; want the empty list kept: it matches nothing", none.EventTypes)
	}
	paused := webhook.Endpoint{Status: webhook.EndpointPaused}.WithDefaults()
	if paused.PauseCause != webhook.PausedByHand || paused.StatusReason == "" {
		t.Errorf("created paused: cause %q, reason %q; want manual and a sentence", paused.PauseCause, paused.StatusReason)
	}
}

func TestEndpointClone(t *testing.T) {
	ep := validEndpoint()
	ep.Labels, ep.EventTypes = []string{"l"}, []string{"a.*"}
	ep.Headers, ep.Metadata = map[string]string{"X": "1"}, map[string]string{"k": "v"}
	ep.Retry.Schedule = []time.Duration{1}
	clone := ep.Clone()
	if diff := cmp.Diff(ep, clone); diff != "" {
		t.Errorf("Clone differs: %s", diff)
	}
	ep.Labels[0], ep.EventTypes[0], ep.Headers["X"], ep.Metadata["k"], ep.Retry.Schedule[0] = "", "", "", "", 0
	if clone.Labels[0] == "" || clone.EventTypes[0] == "" || clone.Headers["X"] == "" || clone.Metadata["k"] == "" || clone.Retry.Schedule[0] == 0 {
		t.Errorf("Clone shares memory with the original: %+v", clone)
	}
	if nilClone := validEndpoint().Clone(); nilClone.EventTypes != nil {
		t.Errorf("Clone made EventTypes %#v of nil; nil means everything, an empty list nothing", nilClone.EventTypes)
	}
}

func TestEndpointDeleted(t *testing.T) {
	ep := validEndpoint()
	if ep.Deleted() {
		t.Error("Deleted() = true for a live endpoint")
	}
	if ep.DeletedAt = time.Unix(1, 0); !ep.Deleted() {
		t.Error("Deleted() = false for a tombstone")
	}
}
