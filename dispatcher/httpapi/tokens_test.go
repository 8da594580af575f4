package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/webhook"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call(asAdmin, "POST", "/api-keys", `{"name":"deploy","scopes":["publish"]}`).is(201)
	secret := made.text("secret")
	if made.header.Get("Location") != "api-keys/"+made.text("id") || made.header.Get("Cache-Control") != "no-store" || made.text("role") != "developer" {
		t.Errorf("POST /api-keys = %v %s; want where it is, a developer's key, and nobody to keep the answer", made.header, made.body)
	}
	if token, err := w.m.CheckToken(t.Context(), webhook.TokenAPIKey, secret); err != nil || token.ID != made.text("id") {
		t.Errorf("the key that was shown is %v, %v; want it valid", token, err)
	}
	list := w.call(asAdmin, "GET", "/api-keys", "").is(200)
	if !strings.Contains(list.body, made.text("id")) || strings.Contains(list.body, secret) {
		t.Errorf("GET /api-keys = %s; want the key without its secret", list.body)
	}
	w.call(asAdmin, "DELETE", "/api-keys/"+made.text("id"), "").is(204)
	w.call(asAdmin, "DELETE", "/api-keys/"+made.text("id"), "").problem(404, "not_found")
	if _, err := w.m.CheckToken(t.Context(), webhook.TokenAPIKey, secret); err == nil {
		t.Error("a revoked key is valid")
	}
	for range 3 {
		w.call(asAdmin, "POST", "/api-keys", `{"name":"a"}`).is(201)
	}
	first := w.call(asAdmin, "GET", "/api-keys?limit=2", "").is(200)
	rest := w.call(asAdmin, "GET", "/api-keys?limit=2&cursor="+first.text("next"), "").is(200)
	if a, b := strings.Count(first.body, `"id"`), strings.Count(rest.body, `"id"`); a != 2 || b != 1 {
		t.Errorf("pages of three keys by two = %d and %d", a, b)
	}
}

func TestPortalTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call(asAdmin, "POST", "/portal-tokens", `{"role":"viewer","ttl_seconds":60}`).is(201)
	expires, err := time.Parse(time.RFC3339, made.text("expires_at"))
	if left := time.Until(expires); err != nil || left > time.Minute || made.text("name") != "portal" {
		t.Errorf("POST /portal-tokens = %s; want a token for a minute", made.body)
	}
	if _, err := w.m.CheckToken(t.Context(), webhook.TokenPortal, made.text("secret")); err != nil {
		t.Errorf("the token that was shown: %v; want it valid", err)
	}
	w.call(asAdmin, "DELETE", "/api-keys/"+made.text("id"), "").problem(404, "not_found")
	w.call(asAdmin, "DELETE", "/portal-tokens/"+made.text("id"), "").is(204)
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ path, body, code, field string }{
		{"/api-keys", `{}`, "invalid_field", "name"},
		{"/api-keys", `{"name":"a","role":"root"}`, "invalid_field", "role"},
		{"/api-keys", `{"name":"a","scopes":["a b"]}`, "invalid_field", "scopes"},
		{"/api-keys", `{"name":"a","expires_at":"2020-01-01T00:00:00Z"}`, "invalid_field", "expires_at"},
		{"/api-keys", `{"name":"a","secret":"x"}`, "unknown_field", "body"},
		{"/portal-tokens", `{"ttl_seconds":86401}`, "invalid_field", "ttl_seconds"},
		{"/portal-tokens", `{"ttl_seconds":-1}`, "invalid_field", "ttl_seconds"},
	} {
		got := w.call(asAdmin, "POST", c.path, c.body)
		got.problem(422, c.code)
		if !strings.Contains(got.body, `"field":"`+c.field+`"`) {
			t.Errorf("POST %s %s = %s; want the field %s", c.path, c.body, got.body, c.field)
		}
	}
	w.call("admin acme", "POST", "/api-keys", `{"name":"a","scopes":["publish"]}`).problem(403, "forbidden")
	for range 100 {
		w.call(asAdmin, "POST", "/api-keys", `{"name":"a"}`).is(201)
	}
	w.call(asAdmin, "POST", "/api-keys", `{"name":"a"}`).problem(409, "too_many_tokens")
}
