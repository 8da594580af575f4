package signer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/signer"
)

// routed sends a body through a Verifier and a Router and returns the answer.
func routed(t *testing.T, rt *signer.Router, body string) *httptest.ResponseRecorder {
	t.Helper()
	secret := newSecret(t)
	w := httptest.NewRecorder()
	mustVerifier(t, secret.Reveal()).Middleware(rt).ServeHTTP(w, delivery(t, secret, time.Now(), []byte(body)))
	return w
}

func mustRouter(t *testing.T, cfg signer.RouterConfig) *signer.Router {
	t.Helper()
	rt, err := signer.NewRouter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

const (
	paid  = `{"type":"invoice.paid","timestamp":"2026-03-01T12:00:00.5Z","data":{"total": 1.50}}`
	batch = `[{"id":"evt_a","type":"a","timestamp":"2026-03-01T12:00:00Z","data":1},` +
		`{"id":"evt_b","type":"b","timestamp":"2026-03-01T12:00:00Z","data":2},` +
		`{"id":"evt_c","type":"c","timestamp":"2026-03-01T12:00:00Z","data":3}]`
)

func TestRouterTakesTheMostSpecificRoute(t *testing.T) {
	var took string
	routes := make(map[string]signer.Handler)
	for _, pattern := range []string{"invoice.paid", "invoice.*", "invoice.paid.*", "*", "order.*"} {
		routes[pattern] = func(context.Context, signer.Event) error { took = pattern; return nil }
	}
	rt := mustRouter(t, signer.RouterConfig{Routes: routes})
	for eventType, want := range map[string]string{
		"invoice.paid": "invoice.paid", "invoice.sent": "invoice.*", "invoice.sent.late": "invoice.*", "invoice.paid.late": "invoice.paid.*",
		"invoice": "*", "orders.new": "*", "order.new": "order.*",
	} {
		took = ""
		if w := routed(t, rt, `{"type":"`+eventType+`","data":1}`); w.Code != http.StatusNoContent || took != want {
			t.Errorf("%s went to %q, answered %d; want %q, 204", eventType, took, w.Code, want)
		}
	}
}

func TestRouterGivesTheEvent(t *testing.T) {
	var got signer.Event
	rt := mustRouter(t, signer.RouterConfig{Routes: map[string]signer.Handler{
		"*": func(_ context.Context, ev signer.Event) error { got = ev; return nil },
	}})
	routed(t, rt, paid)
	want := signer.Event{
		ID: "evt_1", Type: "invoice.paid", Timestamp: time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC), Data: []byte(`{"total": 1.50}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestTyped(t *testing.T) {
	type invoice struct {
		Total float64 `json:"total"`
	}
	var got invoice
	rt := mustRouter(t, signer.RouterConfig{Routes: map[string]signer.Handler{
		"invoice.paid": signer.Typed(func(_ context.Context, _ signer.Event, data invoice) error { got = data; return nil }),
	}})
	if w := routed(t, rt, paid); w.Code != http.StatusNoContent || got.Total != 1.5 {
		t.Errorf("typed handler got %+v, answer %d; want a total of 1.5, 204", got, w.Code)
	}
	if w := routed(t, rt, `{"type":"invoice.paid","data":{"total":"much"}}`); w.Code != http.StatusBadRequest {
		t.Errorf("payload of another type was answered %d; want 400", w.Code)
	}
}

func TestRouterFailures(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name, body string
		unknown    int
		duplicates signer.Deduplicator
		status     int
		reason     error
	}{
		{"handler fails", `{"type":"bad"}`, 0, nil, 500, boom},
		{"unknown type", `{"type":"x"}`, 0, nil, 204, nil},
		{"unknown type, 202", `{"type":"x"}`, 202, nil, 204, nil},
		{"unknown type, refused", `{"type":"x"}`, 404, nil, 404, signer.ErrNoRoute},
		{"no JSON", `type`, 0, nil, 400, signer.ErrBadEvent},
		{"no type", `{"data":1}`, 0, nil, 400, signer.ErrBadEvent},
		{"not an object", `"x"`, 0, nil, 400, signer.ErrBadEvent},
		{"batch without ids", `[{"type":"good"}]`, 0, nil, 400, signer.ErrBadEvent},
		{"empty batch", ` []`, 0, nil, 204, nil},
		{"duplicates cannot be told", `{"type":"good"}`, 0, forgetful{claim: boom}, 503, signer.ErrDeduplicator},
		{"outcome cannot be remembered", `{"type":"good"}`, 0, forgetful{finish: boom}, 204, signer.ErrDeduplicator},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var reason error
			rt := mustRouter(t, signer.RouterConfig{
				Routes: map[string]signer.Handler{
					"good": func(context.Context, signer.Event) error { return nil },
					"bad":  func(context.Context, signer.Event) error { return boom },
				},
				Unknown: tt.unknown, Duplicates: tt.duplicates,
				OnError: func(_ context.Context, _ signer.Event, err error) { reason = err },
			})
			if w := routed(t, rt, tt.body); w.Code != tt.status || !errors.Is(reason, tt.reason) || strings.Contains(w.Body.String(), "boom") {
				t.Errorf("answer %d %q, OnError told %v; want %d and %v", w.Code, w.Body, reason, tt.status, tt.reason)
			}
		})
	}
}

// A Router that was mounted without a Verifier handles nothing.
func TestRouterWantsAVerifier(t *testing.T) {
	rt := mustRouter(t, signer.RouterConfig{Routes: map[string]signer.Handler{
		"*": func(context.Context, signer.Event) error {
			t.Error("an event that was not verified was handled")
			return nil
		},
	}})
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(paid)))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("request without a Verifier was answered %d; want 401", w.Code)
	}
}

// Of a batch that comes again, only those events are handled that were not.
func TestRouterHandlesEventsOfABatchOnce(t *testing.T) {
	var took []string
	fail := "b"
	memory := newMemory(t, signer.MemoryConfig{})
	rt := mustRouter(t, signer.RouterConfig{Duplicates: memory, Routes: map[string]signer.Handler{
		"*": func(_ context.Context, ev signer.Event) error {
			took = append(took, ev.ID)
			if ev.Type == fail {
				return errors.New("boom")
			}
			return nil
		},
	}})
	if w := routed(t, rt, batch); w.Code != http.StatusInternalServerError {
		t.Errorf("a batch of which one failed was answered %d; want 500", w.Code)
	}
	fail = ""
	for range 2 {
		if w := routed(t, rt, batch); w.Code != http.StatusNoContent {
			t.Errorf("the batch again was answered %d; want 204", w.Code)
		}
	}
	if want := []string{"evt_a", "evt_b", "evt_b", "evt_c"}; !slices.Equal(took, want) {
		t.Errorf("handled %v; want %v: in order, up to the failure, and then the rest", took, want)
	}
	if got := stateOf(t, memory, "evt_busy"); got != signer.ClaimFresh {
		t.Fatalf("state of a new key = %d", got)
	}
	if w := routed(t, rt, `[{"id":"evt_busy","type":"a"}]`); w.Code != http.StatusConflict {
		t.Errorf("an event that somebody else is handling was answered %d; want 409", w.Code)
	}
}

func TestNewRouterRefuses(t *testing.T) {
	h := func(context.Context, signer.Event) error { return nil }
	for name, cfg := range map[string]signer.RouterConfig{
		"no routes":      {},
		"a bad pattern":  {Routes: map[string]signer.Handler{"a.*.b": h}},
		"an empty one":   {Routes: map[string]signer.Handler{"": h}},
		"only dots":      {Routes: map[string]signer.Handler{".*": h}},
		"no handler":     {Routes: map[string]signer.Handler{"a": nil}},
		"no such status": {Routes: map[string]signer.Handler{"a": h}, Unknown: 102},
	} {
		if _, err := signer.NewRouter(cfg); err == nil {
			t.Errorf("NewRouter with %s: no error", name)
		}
	}
}
