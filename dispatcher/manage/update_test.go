package manage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestUpdateEndpoint(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.URL, ep.Description, ep.EventTypes = "https://ACME.example:443/new", "new", []string{"invoice.*"}
		ep.Timeout = 0 // back to the default
		return nil
	})
	w.must(err, "UpdateEndpoint")
	want := ep
	want.URL, want.Description, want.EventTypes = "https://acme.example/new", "new", []string{"invoice.*"}
	want.Version, want.Revision, want.UpdatedAt = 2, got.Revision, got.UpdatedAt
	if diff := cmp.Diff(want, got); diff != "" || got.Revision <= ep.Revision {
		t.Errorf("UpdateEndpoint = %+v; want the change, version 2 and a later revision:\n%s", got, diff)
	}
	if read, err := w.Endpoint(t.Context(), acme, ep.ID); err != nil || !cmp.Equal(read, got) {
		t.Errorf("Endpoint after UpdateEndpoint = %+v, %v; want %+v", read, err, got)
	}
}

func TestUpdateEndpointUnchanged(t *testing.T) {
	w := newWorld(t)
	ep := newEndpoint()
	ep.EventTypes, ep.Headers = []string{}, map[string]string{"X-Key": "canary"}
	ep, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	for name, change := range map[string]func(*webhook.Endpoint){
		"nothing":          func(*webhook.Endpoint) {},
		"what was read":    func(e *webhook.Endpoint) { *e = ep.Clone() },
		"another spelling": func(e *webhook.Endpoint) { e.URL = "https://ACME.example:443/hooks" },
		"defaults": func(e *webhook.Endpoint) {
			e.Timeout, e.AutoPauseAfter, e.Status, e.Signature = 0, 0, "", webhook.Signature{}
		},
		"the same header": func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Key": "canary"} },
		"empty for nil":   func(e *webhook.Endpoint) { e.Labels, e.Metadata = []string{}, map[string]string{} },
		"empty for none": func(e *webhook.Endpoint) {
			e.Sources, e.SuccessStatuses, e.AllowedIPs, e.DeniedIPs = []string{}, []int{}, []string{}, []string{}
		},
		"control defaults":    func(e *webhook.Endpoint) { e.Method, e.OnPaused = "", "" },
		"another time zone":   func(e *webhook.Endpoint) { e.CreatedAt = e.CreatedAt.In(time.FixedZone("", 3600)) },
		"an update to before": func(e *webhook.Endpoint) { e.Description = "x"; e.Description = "" },
	} {
		got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(e *webhook.Endpoint) error { change(e); return nil })
		if err != nil || got.Version != 1 {
			t.Errorf("UpdateEndpoint: %s: version %d, error %v; want 1: nothing is written", name, got.Version, err)
		}
		if diff := cmp.Diff(ep, got); diff != "" {
			t.Errorf("UpdateEndpoint: %s: result differs from the endpoint:\n%s", name, diff)
		}
	}
}

// What was turned on is turned off by one field, although defaults beside it were
// filled in.
func TestUpdateEndpointTurnsOff(t *testing.T) {
	w := newWorld(t)
	ep := newEndpoint()
	ep.RateLimit.PerSecond, ep.Batch.MaxEvents, ep.Order.Enabled = 50, 20, true
	ep, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	if ep.RateLimit.Burst != 1 || ep.Batch.MaxWait != time.Second || ep.Order.OnFailure != webhook.OrderBlock {
		t.Fatalf("CreateEndpoint = %+v, %+v, %+v; want the defaults filled in", ep.RateLimit, ep.Batch, ep.Order)
	}
	got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.RateLimit.PerSecond, ep.Batch.MaxEvents, ep.Order.Enabled = 0, 0, false
		return nil
	})
	w.must(err, "UpdateEndpoint")
	if got.RateLimit != (webhook.RateLimit{}) || got.Batch != (webhook.Batch{}) || got.Order != (webhook.Order{}) {
		t.Errorf("UpdateEndpoint = %+v, %+v, %+v; want nothing of what was turned off", got.RateLimit, got.Batch, got.Order)
	}
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { ep.Batch.MaxWait = time.Minute; return nil })
	wantFields(t, "UpdateEndpoint: a wait without a batch", err, "batch.max_wait_ms invalid_field")
}

func TestUpdateEndpointRefuses(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	before := w.record(ep.ID)
	cases := slices.Clone(badEndpoints)
	for _, tt := range []badEndpoint{
		{"tenant", func(ep *webhook.Endpoint) { ep.Tenant = globex }, []string{"tenant invalid_field"}},
		{"pause", func(ep *webhook.Endpoint) { ep.Status = webhook.EndpointPaused }, []string{"status invalid_field"}},
		{"scheme", func(ep *webhook.Endpoint) { ep.Signature.Scheme = webhook.SchemeV1a }, []string{"signature invalid_field"}},
		{"unknown status", func(ep *webhook.Endpoint) { ep.Status = "canary-input" }, []string{"status invalid_field", "status invalid_field"}},
		{"unknown scheme", func(ep *webhook.Endpoint) { ep.Signature.Scheme = "canary-input" }, []string{"signature.scheme invalid_field", "signature invalid_field"}},
	} {
		cases = slices.DeleteFunc(cases, func(c badEndpoint) bool { return c.name == tt.name })
		cases = append(cases, tt)
	}
	for _, tt := range cases {
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { tt.change(ep); return nil })
		wantFields(t, "UpdateEndpoint: "+tt.name, err, tt.want...)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("UpdateEndpoint: %s: error %q repeats the input", tt.name, err)
		}
	}
	if _, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, nil); err == nil {
		t.Error("UpdateEndpoint without a function: no error")
	}
	fault := errors.New("fault")
	if _, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.Description = "half done"
		return fault
	}); !errors.Is(err, fault) {
		t.Errorf("UpdateEndpoint: error %v; want that of the function", err)
	}
	if diff := cmp.Diff(before, w.record(ep.ID)); diff != "" {
		t.Errorf("refused updates changed the endpoint:\n%s", diff)
	}
}

func TestUpdateEndpointKeepsPause(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	_, err := w.Pause(t.Context(), acme, ep.ID)
	w.must(err, "Pause")
	got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { ep.Description = "new"; return nil })
	if err != nil || got.Status != webhook.EndpointPaused || got.Description != "new" {
		t.Errorf("UpdateEndpoint of a paused endpoint = %s, %q, %v; want the change, and paused as before", got.Status, got.Description, err)
	}
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { ep.Status = webhook.EndpointActive; return nil })
	wantFields(t, "UpdateEndpoint to active", err, "status invalid_field")
}

func TestUpdateEndpointAgainstAnother(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	w.store.beforeUpdate = func() {
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { ep.Description = "theirs"; return nil })
		w.must(err, "UpdateEndpoint of somebody else")
	}
	calls := 0
	got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		calls++
		ep.Labels = []string{"ours"}
		return nil
	})
	if err != nil || calls != 2 || got.Description != "theirs" || !slices.Equal(got.Labels, []string{"ours"}) {
		t.Errorf("UpdateEndpoint at the same time = %+v, %v after %d calls; want both changes after 2: one would be lost", got, err, calls)
	}
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(now *webhook.Endpoint) error {
		if now.Version != ep.Version {
			return store.ErrVersion
		}
		return nil
	})
	if !errors.Is(err, store.ErrVersion) {
		t.Errorf("UpdateEndpoint meant for another version: error %v; want ErrVersion", err)
	}
}

func TestUpdateEndpointHeaders(t *testing.T) {
	const a, b = "Authorization", "X-KEY"
	old := map[string]string{a: "old-a", b: "old-b"}
	for _, tt := range []struct {
		name   string
		change func(*webhook.Endpoint)
		want   map[string]string
	}{
		{"something else", func(ep *webhook.Endpoint) { ep.Description = "new" }, old},
		{"one", func(ep *webhook.Endpoint) { ep.Headers[a] = "new" }, map[string]string{a: "new", b: "old-b"}},
		{"one less", func(ep *webhook.Endpoint) { delete(ep.Headers, a) }, map[string]string{b: "old-b"}},
		{"none", func(ep *webhook.Endpoint) { ep.Headers = nil }, nil},
		{"one more", func(ep *webhook.Endpoint) { ep.Headers["X-New"] = "new" }, map[string]string{a: "old-a", b: "old-b", "X-New": "new"}},
		{"another spelling", func(ep *webhook.Endpoint) { ep.Headers = map[string]string{"x-key": manage.Hidden} }, map[string]string{"x-key": "old-b"}},
		{"another path", func(ep *webhook.Endpoint) { ep.URL = "https://acme.example/other?x=1" }, old},
		{"another host", func(ep *webhook.Endpoint) { ep.URL = "https://evil.example/hooks" }, nil},
		{"another port", func(ep *webhook.Endpoint) { ep.URL = "https://acme.example:8443/hooks" }, nil},
		{"a host below", func(ep *webhook.Endpoint) { ep.URL = "https://x.acme.example/hooks" }, nil},
		{"another host and one header", func(ep *webhook.Endpoint) {
			ep.URL, ep.Headers[a] = "https://evil.example/hooks", "new"
		}, map[string]string{a: "new"}},
		{"another host and the same values", func(ep *webhook.Endpoint) {
			ep.URL, ep.Headers = "https://evil.example/hooks", map[string]string{a: "old-a", b: "old-b"}
		}, old},
		{"there and back", func(ep *webhook.Endpoint) { ep.URL = "https://evil.example/"; ep.URL = "https://acme.example/hooks" }, old},
	} {
		w := newWorld(t)
		ep := newEndpoint()
		ep.Headers = old
		ep, _, err := w.CreateEndpoint(t.Context(), ep)
		w.must(err, "CreateEndpoint")
		got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { tt.change(ep); return nil })
		w.must(err, "UpdateEndpoint: "+tt.name)
		stored, err := w.d.OpenEndpoint(t.Context(), w.record(ep.ID))
		w.must(err, "OpenEndpoint")
		if !cmp.Equal(stored.Headers, tt.want) {
			t.Errorf("headers after changing %s = %v; want %v", tt.name, stored.Headers, tt.want)
		}
		hidden := make(map[string]string)
		for name := range tt.want {
			hidden[name] = manage.Hidden
		}
		if len(got.Headers) != len(hidden) || len(hidden) > 0 && !cmp.Equal(got.Headers, hidden) {
			t.Errorf("UpdateEndpoint: %s: returned headers %v; want %v", tt.name, got.Headers, hidden)
		}
	}
}
