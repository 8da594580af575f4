package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/webhook"
)

// operation is a line of the document, which TestDocumentHasEveryRoute holds to the
// routes.
type operation struct {
	method, path, needs string
}

// at returns the path for an id, or the name of an event type.
func (op operation) at(id string) string {
	return strings.NewReplacer("{id}", id, "{type}", id).Replace(op.path)
}

// takes reports whether the path has an id in it.
func (op operation) takes() bool { return strings.Contains(op.path, "{") }

// operations returns the routes that the document has.
func (w *world) operations() (ops []operation) {
	w.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct{ Description string }
	}
	if err := json.Unmarshal([]byte(w.call("", "GET", "/openapi.json", "").is(200).body), &doc); err != nil {
		w.t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ops = append(ops, operation{strings.ToUpper(method), path, op.Description})
		}
	}
	return ops
}

// bodyFor returns a body that a route takes.
func bodyFor(op operation) string {
	switch op.method + " " + op.path {
	case "POST /webhooks", "PUT /webhooks/{id}":
		return `{"url":"https://acme.example/hooks"}`
	case "PATCH /webhooks/{id}":
		return `{"description":"changed"}`
	case "POST /webhooks/{id}/subscribe", "DELETE /webhooks/{id}/unsubscribe":
		return `{"event_types":["invoice.paid"]}`
	case "POST /webhooks/{id}/verify-signature":
		return `{"headers":{},"body":""}`
	case "POST /webhooks/{id}/redeliver", "POST /webhooks/redeliver":
		return `{"dry_run":true}`
	case "POST /events":
		return `{"type":"invoice.paid","data":{}}`
	case "POST /events/batch":
		return `{"events":[{"type":"invoice.paid","data":{}}]}`
	case "POST /webhooks/events":
		return `{"name":"` + typeName() + `"}`
	case "PUT /webhooks/events/{type}":
		return `{"group":"Billing"}`
	case "POST /api-keys":
		return `{"name":"deploy"}`
	case "POST /portal-tokens":
		return `{}`
	case "POST /webhooks/erase", "POST /webhooks/export-subject":
		return `{"subject":"nobody"}`
	}
	return ""
}

// TestRoles asks every route as everybody, about what is the tenant's own, another's, what
// nobody has and what is no id.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewers := newWorld(t, func(_ *dispatcher.Config, c *httpapi.Config) { c.AllowViewer = true })
	others := newOthers(t)
	ops := w.operations()
	if len(ops) < 30 {
		t.Fatalf("the document has %d operations; want all of some forty", len(ops))
	}
	for _, op := range ops {
		scoped, adminOnly := strings.Contains(op.needs, "the scope"), !strings.Contains(op.needs, "developer")
		whoMay := map[string]bool{
			asAdmin:                              true,
			"admin acme":                         !scoped,
			"developer acme publish event-types": !adminOnly,
			"developer acme":                     !adminOnly && !scoped,
			"viewer acme publish event-types":    false,
			"root acme publish event-types":      false,
			"admin bad\x00tenant":                false,
		}
		if scoped { // each scope opens its own routes alone
			whoMay["admin acme publish"] = !strings.Contains(op.needs, "scope event-types")
			whoMay["admin acme event-types"] = !strings.Contains(op.needs, "scope publish")
		}
		for as, want := range whoMay {
			if want && op.path == "/webhooks/erase" {
				continue // it waits for what is being sent; TestErase has the time
			}
			// Another one each time, since some can be used once.
			got := w.call(as, op.method, op.at(w.own(op)), bodyFor(op))
			if want == (got.status == http.StatusForbidden) || want && got.status >= 400 {
				t.Errorf("%s %s as %q = %d %.300s; want it let in: %v", op.method, op.path, as, got.status, got.body, want)
			}
			if !want {
				got.problem(http.StatusForbidden, "forbidden")
			}
		}
		w.forget() // what was refused so far
		if got := w.call("", op.method, op.at(w.own(op)), bodyFor(op)); got.status != http.StatusUnauthorized {
			t.Errorf("%s %s as nobody = %d; want 401", op.method, op.path, got.status)
		}
		reads := strings.Contains(op.needs, "viewer")
		if got := viewers.call("viewer acme", op.method, op.at(viewers.own(op)), bodyFor(op)); reads != (got.status == http.StatusOK) || !reads && got.status != http.StatusForbidden {
			t.Errorf("%s %s as a viewer who may read = %d; want 200 or 403: %s", op.method, op.path, got.status, op.needs)
		}
		viewers.forget()
		if !op.takes() {
			continue
		}
		if strings.HasSuffix(op.path, "/test") || strings.HasSuffix(op.path, "/verify-signature") {
			others = newOthers(t) // ten tests are as many as may be made at once
		}
		unknown := others.call(asAdmin, op.method, op.at(webhook.NewID(webhook.PrefixEndpoint)), bodyFor(op))
		unknown.problem(http.StatusNotFound, "not_found")
		for _, id := range append(others.foreign, "x", "ep_", "..%2f", "%00", "ep_01jb2z9f7m8q4v6t3w5x7y9z0a", strings.Repeat("a", 300)) {
			if got := others.call(asAdmin, op.method, op.at(id), bodyFor(op)); got.status != http.StatusNotFound || got.body != unknown.body {
				t.Errorf("%s %s for %q = %d %s; want the answer for an id of nobody's, %s", op.method, op.path, id, got.status, got.body, unknown.body)
			}
		}
	}
}

// others is a world in which globex has something, and acme nothing.
type others struct {
	*world
	foreign []string
}

func newOthers(t *testing.T) others {
	t.Helper()
	const as = "admin " + globex + " publish"
	o := others{world: newWorld(t)}
	endpoint := o.call(as, "POST", "/webhooks", `{"url":"https://globex.example/hooks"}`).is(201).text("id")
	event := o.call(as, "POST", "/events", `{"type":"a.b","data":1}`).is(202).text("id")
	list, _ := o.call(as, "GET", "/webhooks/deliveries", "").is(200).get("data").([]any)
	for _, d := range list {
		delivery, _ := d.(map[string]any)["id"].(string)
		o.foreign = append(o.foreign, delivery)
	}
	key := o.call(as, "POST", "/api-keys", `{"name":"globex"}`).is(201).text("id")
	token := o.call(as, "POST", "/portal-tokens", `{}`).is(201).text("id")
	o.call(as, "POST", "/webhooks/deliveries/"+o.foreign[0]+"/cancel", "").is(202)
	redelivery := o.call(as, "POST", "/webhooks/redeliver", `{"delivery_ids":["`+o.foreign[0]+`"]}`).is(202).text("id")
	erasure, err := o.d.StartErasure(t.Context(), globex, jobs.Erasure{Subject: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	o.foreign = append(o.foreign, endpoint, event, key, token, redelivery, erasure.ID)
	return o
}

// typeName returns the name of an event type that nobody has.
func typeName() string { return "user." + webhook.NewID(webhook.PrefixEvent) }

// own returns a fresh thing of acme's that a route can be asked about.
func (w *world) own(op operation) string {
	w.t.Helper()
	switch {
	case !op.takes():
		return ""
	case strings.Contains(op.path, "{type}"):
		return w.call(asAdmin, "POST", "/webhooks/events", `{"name":"`+typeName()+`"}`).is(201).text("name")
	}
	if collection, found := strings.CutSuffix(op.path, "/{id}"); found && strings.Contains("/api-keys /portal-tokens", collection) {
		return w.call(asAdmin, "POST", collection, `{"name":"own"}`).is(201).text("id")
	}
	id := w.create(`{"url":"https://acme.example/hooks"}`)
	switch {
	case strings.HasPrefix(op.path, "/webhooks/deliveries/"):
		_, delivery := w.publish(`{"type":"invoice.paid","data":{}}`)
		return delivery
	case strings.HasPrefix(op.path, "/webhooks/redeliveries/"):
		_, delivery := w.publish(`{"type":"invoice.paid","data":{}}`)
		w.call(asAdmin, "POST", "/webhooks/deliveries/"+delivery+"/cancel", "").is(202)
		return w.call(asAdmin, "POST", "/webhooks/redeliver", `{"delivery_ids":["`+delivery+`"]}`).is(202).text("id")
	case strings.HasPrefix(op.path, "/webhooks/erasures/"):
		job, err := w.d.StartErasure(w.t.Context(), acme, jobs.Erasure{Subject: "nobody"})
		if err != nil {
			w.t.Fatal(err)
		}
		return job.ID
	case strings.HasPrefix(op.path, "/events/"):
		event, _ := w.publish(`{"type":"invoice.paid","data":{}}`)
		return event
	}
	return id
}

func TestFailuresAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 10 {
		if detail := w.call("", "GET", "/webhooks", "").problem(401, "unauthenticated"); detail != "Valid credentials are needed." {
			t.Errorf("without credentials: %q", detail)
		}
	}
	refused := w.call(asAdmin, "GET", "/webhooks", "")
	refused.problem(429, "rate_limited")
	if refused.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q; want 1", refused.header.Get("Retry-After"))
	}
}

func TestAuthorizeNarrows(t *testing.T) {
	t.Parallel()
	var asked []string
	w := newWorld(t, func(_ *dispatcher.Config, c *httpapi.Config) {
		c.Authorize = func(_ context.Context, p webhook.Principal, action httpapi.Action, resource string) error {
			asked = append(asked, p.Tenant+" "+string(action)+" "+resource)
			if action == httpapi.DeleteWebhook {
				return errors.New("not here")
			}
			return nil
		}
	})
	id := w.create(`{"url":"https://acme.example/hooks"}`)
	w.call(asAdmin, "DELETE", "/webhooks/"+id, "").problem(403, "forbidden")
	w.call(asAdmin, "GET", "/webhooks/"+id, "").is(200)
	if want := "acme webhooks.create ,acme webhooks.delete " + id + ",acme webhooks.read " + id; strings.Join(asked, ",") != want {
		t.Errorf("Authorize was asked %q; want %q", asked, want)
	}
}
