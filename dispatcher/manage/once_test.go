package manage_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// One endpoint is created within a day, and one audit record is written.
func TestCreateEndpointOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := webhook.Endpoint{Tenant: acme, URL: "https://own.example/", Headers: map[string]string{"X-Key": "canary"}}
		once := manage.Once{Key: "k", Content: []byte("asked")}
		first, secret, err := w.CreateEndpointOnce(t.Context(), ep, once)
		w.must(err, "CreateEndpointOnce")
		if secret.Reveal() == "" {
			t.Error("CreateEndpointOnce for the first time = no secret; want one")
		}
		time.Sleep(24*time.Hour - time.Second)
		again, secret, err := w.CreateEndpointOnce(t.Context(), ep, once)
		if err != nil || again.ID != first.ID || secret.Reveal() != "" || again.Headers["X-Key"] == "canary" {
			t.Errorf("CreateEndpointOnce a day later = %+v, secret %q, %v; want %s without what is secret", again, secret.Reveal(), err, first.ID)
		}
		for _, other := range []manage.Once{{Key: "k", Content: []byte("other")}, {Key: "k", Content: []byte("asked"), Secret: ownSecret}} {
			if _, _, err := w.CreateEndpointOnce(t.Context(), ep, other); !errors.Is(err, webhook.ErrIdempotencyConflict) {
				t.Errorf("CreateEndpointOnce with %+v = %v; want ErrIdempotencyConflict", other, err)
			}
		}
		records, err := w.Audit(t.Context(), acme, store.AuditFilter{Action: webhook.ActionEndpointCreated}, store.Page{})
		w.must(err, "Audit")
		if len(records) != 1 || records[0].Resource != first.ID {
			t.Errorf("the audit log has %d records of creations; want 1", len(records))
		}
		time.Sleep(time.Second)
		next, _, err := w.CreateEndpointOnce(t.Context(), ep, once)
		if err != nil || next.ID == first.ID {
			t.Errorf("CreateEndpointOnce when the key has expired = %s, %v; want another endpoint", next.ID, err)
		}
		w.must(w.DeleteEndpoint(t.Context(), acme, next.ID), "DeleteEndpoint")
		if _, _, err := w.CreateEndpointOnce(t.Context(), ep, once); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("CreateEndpointOnce of what was deleted = %v; want ErrNotFound", err)
		}
	})
}

func TestCreateEndpointOnceRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{"", strings.Repeat("k", 256), "a\x00", "a\n", "\xff"} {
		_, _, err := w.CreateEndpointOnce(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://own.example/"}, manage.Once{Key: key})
		inv, ok := errors.AsType[*webhook.InvalidError](err)
		if !ok || inv.Fields[0].Field != "idempotency_key" {
			t.Errorf("CreateEndpointOnce with key %q = %v; want it refused", key, err)
		}
	}
	if _, _, err := w.CreateEndpointOnce(t.Context(), webhook.Endpoint{Tenant: "a\x00", URL: "https://own.example/"}, manage.Once{Key: "k"}); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("CreateEndpointOnce for a tenant that is none = %v; want ErrInvalid", err)
	}
	if _, _, err := w.CreateEndpointOnce(t.Context(), webhook.Endpoint{Tenant: acme, URL: "https://own.example/"}, manage.Once{Key: "k", Secret: "short"}); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("CreateEndpointOnce with a short secret = %v; want ErrInvalid", err)
	}
}
