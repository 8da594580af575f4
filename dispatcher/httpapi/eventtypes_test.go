package httpapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/webhook"
)

const wholeEventType = `{"name":"invoice.paid","group":"Billing","description":"An invoice\nwas paid.","deprecated":true,"deprecated_for":"invoice.settled",
	"validation":"warn","redact":["/customer/email"],"defaults":{"priority":"low","retry":{"initial_seconds":5,"max_attempts":3,"jitter":0},"max_age_seconds":3600},
	"schema":{"type":"object", "properties":{"id":{"type":"string"}},"required":["id"]},"example":{"id": "inv_1"}}`

func TestEventTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.call(asAdmin, "POST", "/webhooks/events", wholeEventType).is(201)
	if made.header.Get("Location") != "events/invoice.paid" || made.text("owner") != "api" || made.get("schema_version") != 1.0 {
		t.Errorf("POST /webhooks/events = %s with %v; want the type, owned by the API, and where it is", made.body, made.header)
	}
	w.call(asAdmin, "POST", "/webhooks/events", wholeEventType).problem(409, "event_type_exists")
	w.call(asAdmin, "POST", "/webhooks/events", `{"name":"user.left"}`).is(201)
	path := "/webhooks/events/invoice.paid"
	read := w.call(asAdmin, "GET", path, "").is(200)
	if diff := cmp.Diff(made.object(), read.object()); diff != "" {
		t.Errorf("GET %s is not what was registered (-registered +read):\n%s", path, diff)
	}
	tag := read.header.Get("ETag")
	w.call(asAdmin, "GET", path, "", "If-None-Match", tag).is(304)
	if back := w.call(asAdmin, "PUT", path, read.body, "If-Match", tag).is(200); back.body != read.body || back.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave = %s; want nothing changed in %s", back.body, read.body)
	}
	changed := w.call(asAdmin, "PUT", path, `{"group":"Money"}`, "If-Match", tag).is(200)
	if changed.text("group") != "Money" || changed.get("deprecated") != false || changed.get("schema") == nil || changed.get("example") != nil {
		t.Errorf("PUT = %s; want the schema kept and the rest replaced", changed.body)
	}
	w.call(asAdmin, "PUT", path, `{"group":"Other"}`, "If-Match", tag).problem(412, "precondition_failed")
	w.call(asAdmin, "PUT", path, `{"name":"invoice.other"}`).problem(422, "invalid_field")

	w.call(asAdmin, "DELETE", path, "").is(204)
	w.call(asAdmin, "DELETE", path, "").is(204)
	w.call(asAdmin, "POST", "/events", `{"type":"invoice.paid","data":{"id":"inv_1"}}`).problem(422, "event_type_archived")
	if list := w.call(asAdmin, "GET", "/webhooks/events", "").is(200); strings.Contains(list.body, "invoice.paid") || !strings.Contains(list.body, "user.left") {
		t.Errorf("GET /webhooks/events = %s; want no archived types", list.body)
	}
	if got := w.call(asAdmin, "GET", path, "").is(200); got.get("archived") != true {
		t.Errorf("GET of an archived type = %s", got.body)
	}
}

// TestEventTypesAreListed asks for pages and filters, which cursors belong to.
func TestEventTypesAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dispatcher.Config, _ *httpapi.Config) {
		c.EventTypes = []webhook.EventType{{Name: "a.code", Group: "Users"}}
	})
	long := strings.Repeat("n", webhook.MaxEventTypeLen) // as long as a cursor takes
	for _, body := range []string{`{"name":"b.one","group":"Users"}`, `{"name":"` + long + `","group":"Users"}`, `{"name":"z.two","description":"Says Hello."}`} {
		w.call(asAdmin, "POST", "/webhooks/events", body).is(201)
	}
	names := func(query string) (all []string) {
		t.Helper()
		for next := ""; ; {
			page := w.call(asAdmin, "GET", "/webhooks/events?limit=1&"+query+"&cursor="+next, "").is(200)
			for _, one := range page.get("data").([]any) {
				all = append(all, one.(map[string]any)["name"].(string))
			}
			if next = page.text("next"); next == "" {
				return all
			}
			w.call(asAdmin, "GET", "/webhooks/events?q=else&cursor="+next, "").problem(400, "invalid_cursor")
		}
	}
	for query, want := range map[string][]string{
		"":            {"a.code", "b.one", long, "z.two"},
		"group=Users": {"a.code", "b.one", long},
		"q=hello":     {"z.two"},
		"q=B.ONE":     {"b.one"},
		"group=users": nil,
	} {
		if diff := cmp.Diff(want, names(query)); diff != "" {
			t.Errorf("GET /webhooks/events?%s (-want +got):\n%s", query, diff)
		}
	}
	w.call(asAdmin, "PUT", "/webhooks/events/a.code", `{}`).problem(409, "event_type_owned_by_code")
	w.call(asAdmin, "DELETE", "/webhooks/events/a.code", "").problem(409, "event_type_owned_by_code")
}

func TestBreakingSchemasNeedConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(asAdmin, "POST", "/webhooks/events", wholeEventType).is(201)
	const path, breaking = "/webhooks/events/invoice.paid", `{"schema":{"type":"object","properties":{"id":{"type":"integer"}}}%s}`
	got := w.call(asAdmin, "PUT", path, strings.Replace(breaking, "%s", "", 1))
	got.problem(409, "schema_breaks_receivers")
	var fields []string
	for _, e := range got.get("errors").([]any) {
		fault := e.(map[string]any)
		fields = append(fields, fault["field"].(string)+" "+fault["code"].(string))
		if m := fault["message"].(string); m == "" || len(m) > 200 {
			t.Errorf("message = %q; want a sentence", m)
		}
	}
	if diff := cmp.Diff([]string{"schema/id schema_breaks_receivers", "schema/id schema_breaks_receivers"}, fields); diff != "" {
		t.Errorf("what breaks (-want +got):\n%s\n%s", diff, got.body)
	}
	if now := w.call(asAdmin, "GET", path, "").is(200); now.get("schema_version") != 1.0 {
		t.Errorf("after a refusal there is %s; want nothing stored", now.body)
	}
	if now := w.call(asAdmin, "PUT", path, strings.Replace(breaking, "%s", `,"allow_breaking":true`, 1)).is(200); now.get("schema_version") != 2.0 || len(now.get("schemas").([]any)) != 2 {
		t.Errorf("with allow_breaking there is %s; want a second version", now.body)
	}
}

func TestEventTypesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(asAdmin, "POST", "/webhooks/events", `{"name":"a.b"}`).is(201)
	for body, want := range map[string]string{
		`{"name":"no spaces"}`:                      "name event_type_invalid",
		`{}`:                                        "name event_type_invalid",
		`{"name":"webhook.x"}`:                      "name event_type_reserved",
		`{"name":"a.c","validation":"lenient"}`:     "validation invalid_field",
		`{"name":"a.c","redact":["email"]}`:         "redact[0] invalid_field",
		`{"name":"a.c","schema":{"type":"objekt"}}`: "schema/type schema_invalid",
		`{"name":"a.c","schema":{"$ref":"https://acme.example/"}}`:                                         "schema schema_invalid",
		`{"name":"a.c","schema":{"type":"object"},"example":[]}`:                                           "example payload_invalid",
		`{"name":"a.c","defaults":{"priority":"urgent"}}`:                                                  "defaults.priority invalid_field",
		`{"name":"a.c","defaults":{"retry":{"schedule_seconds":5}}}`:                                       "defaults.retry.schedule_seconds invalid_field",
		`{"name":"a.c","schema":{"type":"object","properties":{"n":{"type":"string"}}},"example":{"n":1}}`: "example/n payload_invalid",
	} {
		got := w.call(asAdmin, "POST", "/webhooks/events", body).is(422)
		fault := got.get("errors").([]any)[0].(map[string]any)
		if have := fault["field"].(string) + " " + fault["code"].(string); have != want {
			t.Errorf("POST /webhooks/events %s = %s; want %s", body, have, want)
		}
	}
}

// TestPathsOfEventTypes asks for the paths that static segments and ids share.
func TestPathsOfEventTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(asAdmin, "POST", "/webhooks/events", `{"name":"events"}`).is(201)
	if got := w.call(asAdmin, "GET", "/webhooks/events/events", "").is(200); got.text("name") != "events" {
		t.Errorf("GET /webhooks/events/events = %s; want the event type of that name", got.body)
	}
	for _, path := range []string{"/webhooks/events/deliveries", "/webhooks/events/stats"} {
		w.call(asAdmin, "GET", path, "").problem(404, "not_found")
	}
	w.call(asAdmin, "PATCH", "/webhooks/events/events", "{}").problem(405, "method_not_allowed")
	w.call(asAdmin, "PUT", "/webhooks/events", `{"url":"https://acme.example/hooks"}`).problem(404, "not_found")
}
