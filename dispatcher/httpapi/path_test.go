package httpapi_test

import (
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
)

// TestMainPath is what a customer's developers do: create, publish, look, send again.
func TestMainPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call(asAdmin, "POST", "/webhooks", `{"url":"https://acme.example/hooks","event_types":["invoice.*"]}`).is(201)
	id := made.text("id")
	if !strings.HasPrefix(made.text("secret"), "whsec_") || made.header.Get("Location") != "webhooks/"+id || made.header.Get("ETag") == "" {
		t.Errorf("POST /webhooks = %s with %v; want secret, Location and ETag", made.body, made.header)
	}
	if got := w.call(asAdmin, "GET", "/webhooks/"+id, "").is(200); strings.Contains(got.body, "whsec_") || got.header.Get("ETag") != made.header.Get("ETag") {
		t.Errorf("GET /webhooks/{id} = %s, ETag %s; want no secret and the tag of before", got.body, got.header.Get("ETag"))
	}
	if list := w.call(asAdmin, "GET", "/webhooks", "").is(200); !strings.Contains(list.body, id) || strings.Contains(list.body, "whsec_") {
		t.Errorf("GET /webhooks = %s; want the webhook without its secret", list.body)
	}
	event := w.call(asAdmin, "POST", "/events", `{"type":"invoice.paid","data":{"total":1.0}}`).is(202)
	if event.get("deliveries") != 1.0 {
		t.Errorf("POST /events = %s; want one delivery", event.body)
	}
	log := w.call(asAdmin, "GET", "/webhooks/"+id+"/deliveries", "").is(200)
	delivery := log.get("data").([]any)[0].(map[string]any)["id"].(string)
	if got := w.call(asAdmin, "GET", "/webhooks/deliveries/"+delivery, "").is(200); got.text("why") == "" || got.text("status") != "pending" {
		t.Errorf("GET /webhooks/deliveries/{id} = %s; want it pending, and why", got.body)
	}
	w.call(asAdmin, "POST", "/webhooks/deliveries/"+delivery+"/cancel", "").is(202)
	if got := w.call(asAdmin, "POST", "/webhooks/deliveries/"+delivery+"/retry", "").is(202); got.text("status") != "pending" {
		t.Errorf("POST …/retry = %s; want it pending again", got.body)
	}
	if got := w.call(asAdmin, "GET", "/events/"+event.text("id"), "").is(200); !strings.Contains(got.body, `"data":{"total":1.0}`) {
		t.Errorf("GET /events/{id} = %s; want the payload as it was published", got.body)
	}
}

func TestNoOpenAPIWithoutAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := httpapi.New(manage.New(w.d), httpapi.Config{}); err != httpapi.ErrNoAuthentication { //nolint:errorlint // exactly this
		t.Errorf("New without Authenticate = %v; want ErrNoAuthentication", err)
	}
}
