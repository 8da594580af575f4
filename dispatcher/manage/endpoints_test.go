package manage_test

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestCreateEndpoint(t *testing.T) {
	w := newWorld(t)
	given := webhook.Endpoint{
		Tenant: acme, URL: "HTTPS://Acme.Example:443", Description: "Büro 7", Labels: []string{"prod"},
		Headers: map[string]string{"X-Key": "canary-header"}, MaxInFlight: 3,
	}
	got, secret, err := w.CreateEndpoint(t.Context(), given)
	w.must(err, "CreateEndpoint")
	want := webhook.Endpoint{
		Tenant: acme, URL: "https://acme.example/", Description: "Büro 7", Labels: []string{"prod"},
		Headers: map[string]string{"X-Key": manage.Hidden}, MaxInFlight: 3, EventTypes: []string{"*"}, Timeout: 15 * time.Second,
		AutoPauseAfter: 100, Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Status: webhook.EndpointActive,
		Method: http.MethodPost, OnPaused: webhook.OnPausedHold, Format: webhook.FormatStandard,
		ID: got.ID, Revision: got.Revision, Version: 1, CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt,
	}
	if diff := cmp.Diff(want, got); diff != "" || !webhook.PrefixEndpoint.ValidID(got.ID) || got.Revision == 0 || got.CreatedAt.IsZero() {
		t.Errorf("CreateEndpoint = %+v; want defaults, a URL in normal form and an id:\n%s", got, diff)
	}
	if !strings.HasPrefix(secret.Reveal(), "whsec_") || len(secret.Fingerprint()) != 64 {
		t.Errorf("secret = %d bytes, fingerprint %q; want whsec_… and 64 hex digits", len(secret.Reveal()), secret.Fingerprint())
	}
	read, err := w.Endpoint(t.Context(), acme, got.ID)
	w.must(err, "Endpoint")
	list, err := w.Endpoints(t.Context(), acme, store.Page{})
	w.must(err, "Endpoints")
	if diff := cmp.Diff(want, read) + cmp.Diff([]webhook.Endpoint{want}, list); diff != "" {
		t.Errorf("Endpoint and Endpoints differ from what CreateEndpoint returned:\n%s", diff)
	}
	if given.Headers["X-Key"] != "canary-header" || given.URL != "HTTPS://Acme.Example:443" {
		t.Errorf("CreateEndpoint changed its argument to %+v", given)
	}
}

func TestCreateEndpointPaused(t *testing.T) {
	w := newWorld(t)
	ep := newEndpoint()
	ep.Status = webhook.EndpointPaused
	got, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	if got.Status != webhook.EndpointPaused || got.PauseCause != webhook.PausedByHand || got.StatusReason == "" {
		t.Errorf("CreateEndpoint paused = %s, %s, %q; want paused by hand with a reason", got.Status, got.PauseCause, got.StatusReason)
	}
}

// badEndpoint is a change of a good endpoint that must be refused.
type badEndpoint struct {
	name   string
	change func(*webhook.Endpoint)
	want   []string
}

// badEndpoints are refused on creation and on update.
var badEndpoints = []badEndpoint{
	{"no URL", func(ep *webhook.Endpoint) { ep.URL = "" }, []string{"url url_invalid"}},
	{"plain http", func(ep *webhook.Endpoint) { ep.URL = "http://acme.example/" }, []string{"url url_invalid"}},
	{"userinfo", func(ep *webhook.Endpoint) { ep.URL = "https://a:canary-input@acme.example/" }, []string{"url url_invalid"}},
	{"control byte in URL", func(ep *webhook.Endpoint) { ep.URL = "https://acme.example/\x00" }, []string{"url url_invalid"}},
	{"long URL", func(ep *webhook.Endpoint) { ep.URL = "https://acme.example/" + strings.Repeat("a", 2048) }, []string{"url url_invalid"}},
	{"private address", func(ep *webhook.Endpoint) { ep.URL = "https://10.0.0.1/" }, []string{"url url_not_allowed"}},
	{"metadata service", func(ep *webhook.Endpoint) { ep.URL = "https://[::ffff:169.254.169.254]/" }, []string{"url url_not_allowed"}},
	{"description", func(ep *webhook.Endpoint) { ep.Description = "canary-input\x00" }, []string{"description invalid_field"}},
	{"labels", func(ep *webhook.Endpoint) { ep.Labels = []string{""} }, []string{"labels invalid_field"}},
	{"event types", func(ep *webhook.Endpoint) { ep.EventTypes = []string{"a..b"} }, []string{"event_types invalid_field"}},
	{"reserved header", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"Webhook_Id": "canary-input"} }, []string{"headers header_not_allowed"}},
	{"header value", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"X-A": "canary-input\r\nX-B: 1"} }, []string{"headers invalid_field"}},
	{"hidden value of no header", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"X-A": manage.Hidden} }, []string{"headers invalid_field"}},
	{"timeout", func(ep *webhook.Endpoint) { ep.Timeout = time.Hour }, []string{"timeout_seconds invalid_field"}},
	{"retry", func(ep *webhook.Endpoint) { ep.Retry.Jitter = math.NaN() }, []string{"retry.jitter invalid_field"}},
	{"max in flight", func(ep *webhook.Endpoint) { ep.MaxInFlight = -1 }, []string{"max_in_flight invalid_field"}},
	{"method", func(ep *webhook.Endpoint) { ep.Method = "canary-input" }, []string{"method invalid_field"}},
	{"rate", func(ep *webhook.Endpoint) { ep.RateLimit.PerSecond = math.NaN() }, []string{"rate_limit.per_second invalid_field"}},
	{"burst without a rate", func(ep *webhook.Endpoint) { ep.RateLimit.Burst = 5 }, []string{"rate_limit.burst invalid_field"}},
	{"batch of one", func(ep *webhook.Endpoint) { ep.Batch.MaxEvents = 1 }, []string{"batch.max_events invalid_field"}},
	{"wait without a batch", func(ep *webhook.Endpoint) { ep.Batch.MaxWait = time.Second }, []string{"batch.max_wait_ms invalid_field"}},
	{"unknown order", func(ep *webhook.Endpoint) { ep.Order = webhook.Order{Enabled: true, OnFailure: "canary-input"} }, []string{"order.on_failure invalid_field"}},
	{"choice without an order", func(ep *webhook.Endpoint) { ep.Order.OnFailure = webhook.OrderSkip }, []string{"order.on_failure invalid_field"}},
	{"unknown priority", func(ep *webhook.Endpoint) { ep.Priority = "canary-input" }, []string{"priority invalid_field"}},
	{"unknown on_paused", func(ep *webhook.Endpoint) { ep.OnPaused = "canary-input" }, []string{"on_paused invalid_field"}},
	{"early pause", func(ep *webhook.Endpoint) { ep.AutoPauseAfter = 4 }, []string{"auto_pause_after invalid_field"}},
	{"redirect as success", func(ep *webhook.Endpoint) { ep.SuccessStatuses = []int{200, 302} }, []string{"success_statuses invalid_field"}},
	{"half a day of dead letters", func(ep *webhook.Endpoint) { ep.DeadLetter.Retain = 12 * time.Hour }, []string{"dead_letter.retain_days invalid_field"}},
	{"dead letters for longer than deliveries", func(ep *webhook.Endpoint) { ep.DeadLetter.Retain = 91 * 24 * time.Hour }, []string{"dead_letter.retain_days invalid_field"}},
	{"sources", func(ep *webhook.Endpoint) { ep.Sources = []string{""} }, []string{"sources invalid_field"}},
	{"channels", func(ep *webhook.Endpoint) { ep.Channels = []string{""} }, []string{"channels invalid_field"}},
	{"filter without an engine", func(ep *webhook.Endpoint) { ep.Filter = "canary-input" }, []string{"filter filter_invalid"}},
	{"transform without an engine", func(ep *webhook.Endpoint) { ep.Transform = "canary-input" }, []string{"transform transform_invalid"}},
	{"long filter", func(ep *webhook.Endpoint) { ep.Filter = strings.Repeat("canary-input", 400) }, []string{"filter filter_invalid"}},
	{"anonymize", func(ep *webhook.Endpoint) { ep.Anonymize = []webhook.Anonymization{{Pointer: "canary-input"}} }, []string{"anonymize invalid_field"}},
	{"format", func(ep *webhook.Endpoint) { ep.Format = "canary-input" }, []string{"format invalid_field"}},
	{"batch in binary mode", func(ep *webhook.Endpoint) { ep.Format, ep.Batch.MaxEvents = webhook.FormatCloudEventsBinary, 2 }, []string{"format invalid_field"}},
	{"allowed IPs", func(ep *webhook.Endpoint) { ep.AllowedIPs = []string{"canary-input"} }, []string{"allowed_ips invalid_field"}},
	{"denied IPs", func(ep *webhook.Endpoint) { ep.DeniedIPs = []string{"10.0.0.1/8"} }, []string{"denied_ips invalid_field"}},
	{"own address denied", func(ep *webhook.Endpoint) { ep.URL, ep.DeniedIPs = "https://8.8.8.8/", []string{"8.8.0.0/16"} }, []string{"url url_not_allowed"}},
	{"own address not allowed", func(ep *webhook.Endpoint) { ep.URL, ep.AllowedIPs = "https://8.8.8.8/", []string{"9.9.9.9"} }, []string{"url url_not_allowed"}},
	{"private address allowed by itself", func(ep *webhook.Endpoint) { ep.URL, ep.AllowedIPs = "https://10.0.0.1/", []string{"10.0.0.1"} }, []string{"url url_not_allowed"}},
	{"metadata", func(ep *webhook.Endpoint) { ep.Metadata = map[string]string{"": "canary-input"} }, []string{"metadata invalid_field"}},
	{"id", func(ep *webhook.Endpoint) { ep.ID = webhook.NewID(webhook.PrefixEndpoint) }, []string{"id invalid_field"}},
	{"revision", func(ep *webhook.Endpoint) { ep.Revision += 7 }, []string{"revision invalid_field"}},
	{"version", func(ep *webhook.Endpoint) { ep.Version += 7 }, []string{"version invalid_field"}},
	{"created at", func(ep *webhook.Endpoint) { ep.CreatedAt = time.Unix(1, 0) }, []string{"created_at invalid_field"}},
	{"updated at", func(ep *webhook.Endpoint) { ep.UpdatedAt = time.Unix(1, 0) }, []string{"updated_at invalid_field"}},
	{"deleted at", func(ep *webhook.Endpoint) { ep.DeletedAt = time.Unix(1, 0) }, []string{"deleted_at invalid_field"}},
	{"pause cause", func(ep *webhook.Endpoint) { ep.PauseCause = webhook.PausedByGone }, []string{"status_reason invalid_field"}},
	{"status reason", func(ep *webhook.Endpoint) { ep.StatusReason = "canary-input" }, []string{"status_reason invalid_field"}},
	{"unknown status", func(ep *webhook.Endpoint) { ep.Status = "canary-input" }, []string{"status invalid_field"}},
	{"private key to encrypt for", func(ep *webhook.Endpoint) { ep.Encryption.JWK = `{"kty":"oct","k":"canary-input"}` }, []string{"encryption.jwk invalid_field"}},
	{"unknown scheme", func(ep *webhook.Endpoint) { ep.Signature.Scheme = "canary-input" }, []string{"signature.scheme invalid_field"}},
	{
		"much at once",
		func(ep *webhook.Endpoint) { ep.Timeout, ep.URL, ep.Version = 1, "https://localhost/", 99 },
		[]string{"url url_not_allowed", "timeout_seconds invalid_field", "version invalid_field"},
	},
}

func TestCreateEndpointRefuses(t *testing.T) {
	w := newWorld(t)
	const secret = "whsec_Y2FuYXJ5LWlucHV0LWNhbmFyeS1pbnB1dA=="
	for _, tt := range badEndpoints {
		ep := newEndpoint()
		tt.change(&ep)
		_, shown, err := w.CreateEndpoint(t.Context(), ep)
		wantFields(t, "CreateEndpoint: "+tt.name, err, tt.want...)
		_, imported, errImport := w.ImportEndpoint(t.Context(), ep, secret)
		wantFields(t, "ImportEndpoint: "+tt.name, errImport, tt.want...)
		if shown.Reveal()+imported.Reveal() != "" {
			t.Errorf("%s: a secret was returned with the error", tt.name)
		}
		if text := errors.Join(err, errImport).Error(); strings.Contains(text, "canary") {
			t.Errorf("%s: error %q repeats the input", tt.name, text)
		}
	}
	ep := newEndpoint()
	ep.Tenant = "acme\xff"
	_, _, err := w.CreateEndpoint(t.Context(), ep)
	wantFields(t, "CreateEndpoint: tenant", err, "tenant invalid_field")
	if n := w.stored(); n != 0 {
		t.Errorf("%d endpoints are stored; want 0: a refused endpoint left something", n)
	}
}

func TestCreateEndpointFails(t *testing.T) {
	w := newWorld(t)
	for _, fault := range []error{store.ErrUnavailable, store.ErrUnknown} {
		w.store.createFails = fault
		ep, secret, err := w.CreateEndpoint(t.Context(), newEndpoint())
		if !errors.Is(err, fault) || ep.ID != "" || secret.Reveal() != "" {
			t.Errorf("CreateEndpoint while the store fails = %v, %v; want nothing and %v", ep, err, fault)
		}
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d endpoints are stored; want 0", n)
	}
}

func TestImportEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name, secret, shown string
		scheme              webhook.SignatureScheme
	}{
		{"24 bytes", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""},
		{"64 bytes", "whsec_" + strings.Repeat("QUFB", 21) + "QQ==", "whsec_" + strings.Repeat("QUFB", 21) + "QQ==", webhook.SchemeV1},
		{"no padding", "whsec_" + strings.Repeat("QUFB", 21) + "QQ", "whsec_" + strings.Repeat("QUFB", 21) + "QQ==", webhook.SchemeV1},
		{"seed", "whsk_" + seedBase64, "whpk_" + publicBase64, webhook.SchemeV1a},
	} {
		w := newWorld(t)
		ep := newEndpoint()
		ep.Signature.Scheme = tt.scheme
		got, secret, err := w.ImportEndpoint(t.Context(), ep, tt.secret)
		w.must(err, "ImportEndpoint: "+tt.name)
		if secret.Reveal() != tt.shown {
			t.Errorf("ImportEndpoint: %s: Reveal = %q; want %q", tt.name, secret.Reveal(), tt.shown)
		}
		w.verifies(got.ID, secret)
	}
}

// The first test vector of RFC 8032, section 7.1.
const (
	seedBase64   = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	publicBase64 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

func TestImportEndpointRefusesSecrets(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, secret string
		scheme       webhook.SignatureScheme
	}{
		{"none", "", webhook.SchemeV1},
		{"prefix alone", "whsec_", webhook.SchemeV1},
		{"no prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", webhook.SchemeV1},
		{"23 bytes", "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", webhook.SchemeV1},
		{"65 bytes", "whsec_" + strings.Repeat("QUFB", 21) + "QUE=", webhook.SchemeV1},
		{"not base64", "whsec_canary-input!canary-input!canary", webhook.SchemeV1},
		{"two", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", webhook.SchemeV1},
		{"private key for v1", "whsk_" + seedBase64, webhook.SchemeV1},
		{"public key for v1", "whpk_" + publicBase64, webhook.SchemeV1},
		{"secret for v1a", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", webhook.SchemeV1a},
		{"public key for v1a", "whpk_" + publicBase64, webhook.SchemeV1a},
		{"none for v1a", "", webhook.SchemeV1a},
	} {
		ep := newEndpoint()
		ep.Signature.Scheme, ep.Timeout = tt.scheme, time.Hour
		_, _, err := w.ImportEndpoint(t.Context(), ep, tt.secret)
		wantFields(t, "ImportEndpoint: "+tt.name, err, "timeout_seconds invalid_field", "secret secret_invalid")
		if key, _ := strings.CutPrefix(tt.secret, "whsec_"); err != nil && len(key) > 8 && strings.Contains(err.Error(), key[:8]) {
			t.Errorf("ImportEndpoint: %s: error %q repeats the secret", tt.name, err)
		}
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d endpoints are stored; want 0", n)
	}
}

func TestEndpointsPages(t *testing.T) {
	w := newWorld(t)
	var want []string
	for range 5 {
		want = append(want, w.endpoint().ID)
	}
	var got []string
	page := store.Page{Limit: 2}
	for {
		list, err := w.Endpoints(t.Context(), acme, page)
		w.must(err, "Endpoints")
		if len(list) == 0 {
			break
		}
		for _, ep := range list {
			got = append(got, ep.ID)
		}
		page.After = got[len(got)-1]
	}
	slices.Sort(want)
	slices.Reverse(want)
	if !slices.Equal(got, want) {
		t.Errorf("Endpoints in pages of 2 = %v; want %v", got, want)
	}
	for _, after := range []string{"x", "ep_", "ep_01J\x00", webhook.NewID(webhook.PrefixEvent)} {
		_, err := w.Endpoints(t.Context(), acme, store.Page{After: after})
		wantFields(t, "Endpoints after "+after, err, "after invalid_field")
	}
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	paused, err := w.Pause(t.Context(), acme, ep.ID)
	w.must(err, "Pause")
	if paused.Status != webhook.EndpointPaused || paused.PauseCause != webhook.PausedByHand || paused.StatusReason == "" {
		t.Errorf("Pause = %s, %s, %q; want paused by hand with a reason", paused.Status, paused.PauseCause, paused.StatusReason)
	}
	again, err := w.Pause(t.Context(), acme, ep.ID)
	w.must(err, "Pause")
	if again.Version != paused.Version {
		t.Errorf("version after pausing twice = %d; want %d: nothing changed", again.Version, paused.Version)
	}
	resumed, err := w.Resume(t.Context(), acme, ep.ID)
	w.must(err, "Resume")
	if resumed.Status != webhook.EndpointActive || resumed.PauseCause != "" || resumed.StatusReason != "" {
		t.Errorf("Resume = %s, %s, %q; want active without cause and reason", resumed.Status, resumed.PauseCause, resumed.StatusReason)
	}
	again, err = w.Resume(t.Context(), acme, ep.ID)
	w.must(err, "Resume")
	if again.Version != resumed.Version {
		t.Errorf("version after resuming twice = %d; want %d: nothing changed", again.Version, resumed.Version)
	}
}

func TestPauseKeepsTheCause(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	_, err := w.d.UpdateEndpoint(t.Context(), acme, ep.ID, func(rec *store.EndpointRecord) error {
		rec.Status, rec.PauseCause, rec.StatusReason = webhook.EndpointPaused, webhook.PausedByFailures, "Webhook paused after 100 consecutive failures."
		return nil
	})
	w.must(err, "UpdateEndpoint")
	got, err := w.Pause(t.Context(), acme, ep.ID)
	w.must(err, "Pause")
	if got.PauseCause != webhook.PausedByFailures {
		t.Errorf("cause after pausing an endpoint that failed = %s; want %s: people look for it", got.PauseCause, webhook.PausedByFailures)
	}
}

func TestDeleteEndpoint(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	// The store does not say the deletion's revision; that it cannot be read
	// must not make a deletion look like a failure.
	w.store.engineFails = store.ErrUnavailable
	w.must(w.DeleteEndpoint(t.Context(), acme, ep.ID), "DeleteEndpoint")
	w.store.engineFails = nil
	if err := w.DeleteEndpoint(t.Context(), acme, ep.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("DeleteEndpoint twice: error %v; want ErrNotFound", err)
	}
	if _, err := w.Endpoint(t.Context(), acme, ep.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Endpoint after DeleteEndpoint: error %v; want ErrNotFound", err)
	}
	if h, err := w.Health(t.Context(), acme, ep.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Health after DeleteEndpoint = %+v, %v; want ErrNotFound", h, err)
	}
	ev, err := webhook.NewEvent(acme, "invoice.paid", 1)
	w.must(err, "NewEvent")
	receipt, err := w.d.Publish(t.Context(), ev)
	if err != nil || receipt.Deliveries != 0 {
		t.Errorf("Publish after DeleteEndpoint = %+v, %v; want no deliveries", receipt, err)
	}
}
