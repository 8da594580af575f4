package manage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestTestEndpoint(t *testing.T) {
	var body map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("body of a test: %v", err)
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	}))
	defer srv.Close()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := manage.New(d)
	ep, _, err := m.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: acme, URL: srv.URL, Headers: map[string]string{"X-Key": "canary"}, Status: webhook.EndpointPaused,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Delivered || got.StatusCode != http.StatusTeapot || got.Class != webhook.ClassHTTPStatus ||
		got.Message != webhook.ClassHTTPStatus.Message() || string(got.ResponseBody) != "short and stout" ||
		got.ResponseHeaders["X-Answer"] != "yes" || got.Duration <= 0 {
		t.Errorf("TestEndpoint = %+v; want the receiver's 418", got)
	}
	if got.RequestHeaders["Webhook-Id"] == "" || got.RequestHeaders["X-Key"] != manage.Hidden {
		t.Errorf("request headers = %v; want those that were sent, the endpoint's own hidden", got.RequestHeaders)
	}
	if body["type"] != "ping" || body["data"] == nil {
		t.Errorf("body of a test = %v; want type ping with data", body)
	}
}

func TestTestEndpointDelivered(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	got, err := w.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{EventType: "invoice.paid", Data: json.RawMessage(`{"total": 1e400}`)})
	if err != nil || !got.Delivered || got.StatusCode != 200 || got.Message != "Delivered." || got.Class != webhook.ClassNone {
		t.Errorf("TestEndpoint = %+v, %v; want delivered", got, err)
	}
	if body := string(w.last().Body); !strings.HasPrefix(body, `{"type":"invoice.paid",`) || !strings.HasSuffix(body, `"data":{"total": 1e400}}`) {
		t.Errorf("body of a test = %s; want the given type and data, byte for byte", body)
	}
}

func TestTestEndpointTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		w.answers(hang)
		began := time.Now()
		got, err := w.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{})
		const want = "Endpoint did not respond within 5 seconds. Check your server."
		if err != nil || got.Delivered || got.Class != webhook.ClassTimeout || got.Message != want {
			t.Errorf("TestEndpoint of a silent endpoint = %+v, %v; want class timeout and message %q", got, err, want)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("TestEndpoint took %v; want 5s", took)
		}
		deadline, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		canceled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		for _, ctx := range []context.Context{deadline, canceled} {
			if _, err := w.TestEndpoint(ctx, acme, ep.ID, manage.Test{}); err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("TestEndpoint whose caller gave up: error %v; want %v: it says nothing about the endpoint", err, ctx.Err())
			}
		}
	})
}

func TestTestEndpointRefuses(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	for _, tt := range []struct {
		name string
		test manage.Test
		want []string
	}{
		{"type", manage.Test{EventType: "canary input"}, []string{"event_type event_type_invalid"}},
		{"reserved type", manage.Test{EventType: "webhook.endpoint.paused"}, []string{"event_type event_type_reserved"}},
		{"empty data", manage.Test{Data: json.RawMessage{}}, []string{"payload payload_invalid"}},
		{"data", manage.Test{Data: json.RawMessage(`{"canary`)}, []string{"payload payload_invalid"}},
		{"large data", manage.Test{Data: json.RawMessage(`"` + strings.Repeat("a", 256<<10) + `"`)}, []string{"payload payload_too_large"}},
		{"both", manage.Test{EventType: ".", Data: json.RawMessage("\xff")}, []string{"event_type event_type_invalid", "payload payload_invalid"}},
	} {
		_, err := w.TestEndpoint(t.Context(), acme, ep.ID, tt.test)
		wantFields(t, "TestEndpoint: "+tt.name, err, tt.want...)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("TestEndpoint: %s: error %q repeats the input", tt.name, err)
		}
	}
	if len(w.requests) != 0 {
		t.Errorf("%d requests were sent; want 0", len(w.requests))
	}
}

func TestTestEndpointLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		foreign := newEndpoint()
		foreign.Tenant = globex
		foreign, _, err := w.CreateEndpoint(t.Context(), foreign)
		w.must(err, "CreateEndpoint")
		test := func(tenant, id string) error {
			_, err := w.TestEndpoint(t.Context(), tenant, id, manage.Test{})
			return err
		}
		for i := range 10 {
			w.must(test(acme, ep.ID), fmt.Sprintf("TestEndpoint %d", i+1))
		}
		if err := test(acme, ep.ID); !errors.Is(err, manage.ErrTestLimit) {
			t.Errorf("TestEndpoint after ten: error %v; want ErrTestLimit", err)
		}
		w.must(test(globex, foreign.ID), "TestEndpoint of another tenant")
		time.Sleep(time.Second)
		w.must(test(acme, ep.ID), "TestEndpoint a second later")
		if err := test(acme, ep.ID); !errors.Is(err, manage.ErrTestLimit) {
			t.Errorf("second TestEndpoint a second later: error %v; want ErrTestLimit", err)
		}
	})
}

// A test that passes resumes what the library has paused, and nothing else.
func TestTestEndpointResumes(t *testing.T) {
	auto := func(cause webhook.PauseCause) func(*store.EndpointRecord) {
		return func(rec *store.EndpointRecord) {
			rec.Status, rec.PauseCause, rec.StatusReason = webhook.EndpointPaused, cause, "Webhook paused."
		}
	}
	for _, tt := range []struct {
		name   string
		paused func(*store.EndpointRecord)
		code   int
		// meanwhile changes the endpoint between the answer and the resumption.
		meanwhile func(*store.EndpointRecord)
		want      bool
	}{
		{"paused by failures", auto(webhook.PausedByFailures), 200, nil, true},
		{"paused by 410", auto(webhook.PausedByGone), 204, nil, true},
		{"paused by hand", auto(webhook.PausedByHand), 200, nil, false},
		{"paused by order", auto(webhook.PausedByOrder), 200, nil, false},
		{"a test that fails", auto(webhook.PausedByFailures), 500, nil, false},
		{"paused by hand meanwhile", auto(webhook.PausedByFailures), 200, auto(webhook.PausedByHand), false},
		{"pointed elsewhere meanwhile", auto(webhook.PausedByFailures), 200, func(rec *store.EndpointRecord) { rec.URL = "https://other.example/" }, false},
		{"active", func(*store.EndpointRecord) {}, 200, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			ep := w.endpoint()
			change := func(f func(*store.EndpointRecord)) {
				if _, err := w.d.UpdateEndpoint(t.Context(), acme, ep.ID, func(rec *store.EndpointRecord) error { f(rec); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			change(tt.paused)
			w.answers(func(context.Context, *transport.Request) (*transport.Response, error) {
				if tt.meanwhile != nil {
					w.store.beforeUpdate = func() { change(tt.meanwhile) }
				}
				return &transport.Response{StatusCode: tt.code}, nil
			})
			before := w.record(ep.ID)
			got, err := w.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{})
			if err != nil || got.Resumed != tt.want {
				t.Errorf("TestEndpoint = %+v, %v; want Resumed %v", got, err, tt.want)
			}
			after := w.record(ep.ID)
			if tt.want {
				if after.Status != webhook.EndpointActive || after.PauseCause != "" || after.StatusReason != "" {
					t.Errorf("endpoint = %s %q %q; want it active, with nothing of the pause left", after.Status, after.PauseCause, after.StatusReason)
				}
			} else if tt.meanwhile == nil && after.Version != before.Version {
				t.Errorf("endpoint was written; want it left as it was")
			} else if tt.meanwhile != nil && after.Status != webhook.EndpointPaused {
				t.Errorf("endpoint = %s; want it paused as it was left meanwhile", after.Status)
			}
		})
	}
}

func TestTestEndpointLeavesCreatedPaused(t *testing.T) {
	w := newWorld(t)
	ep, _, err := w.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://paused.example/", Status: webhook.EndpointPaused})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.TestEndpoint(t.Context(), acme, ep.ID, manage.Test{}); err != nil || !got.Delivered || got.Resumed {
		t.Errorf("TestEndpoint of an endpoint that was created paused = %+v, %v; want it delivered and not resumed", got, err)
	}
	if rec := w.record(ep.ID); rec.Status != webhook.EndpointPaused {
		t.Errorf("endpoint = %s; want it paused", rec.Status)
	}
}
