package httpapi_test

import (
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

func newExpressiveWorld(t *testing.T) *world {
	t.Helper()
	engine, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, func(c *dispatcher.Config, _ *httpapi.Config) {
		c.Expressions = engine
		c.EventTypes = []webhook.EventType{{Name: "user.joined", Redact: []string{"/email"}, Example: []byte(`{"email":"a@example.org"}`)}}
	})
}

func TestPreview(t *testing.T) {
	t.Parallel()
	w := newExpressiveWorld(t)
	path := "/webhooks/" + w.create(`{"url":"https://acme.example/hooks","event_types":["invoice.*"],"filter":"data.total > 10","transform":"{'sum': data.total}","format":"raw"}`) + "/preview"
	for _, tt := range []struct {
		body, matched, class, sent string
	}{
		{`{"event_type":"invoice.paid","payload":{"total":11}}`, "true", "", `{"sum":11}`},
		{`{"event_type":"invoice.paid","payload":{"total":1}}`, "false", "", `{"sum":1}`},
		{`{"event_type":"user.joined","payload":{"total":11}}`, "false", "", `{"sum":11}`},
		{`{"event_type":"invoice.paid","payload":{}}`, "false", "filter_error", ""},
		{`{"event_type":"invoice.paid","payload":{"total":2},"webhook":{"filter":"data.total > 1","transform":""}}`, "true", "", `{"total":2}`},
		{`{"event_type":"user.joined","webhook":{"event_types":["user.*"],"filter":"","transform":"","anonymize":[{"pointer":"/email","action":"remove"}]}}`, "true", "", `{}`},
	} {
		got := w.call(asAdmin, "POST", path, tt.body).is(200)
		if matched := got.get("matched"); matched != (tt.matched == "true") || got.text("error_class") != tt.class || got.text("body") != tt.sent || got.text("why") == "" {
			t.Errorf("preview of %s = %s; want matched %s, class %q, body %s", tt.body, got.body, tt.matched, tt.class, tt.sent)
		}
	}
	w.call(asAdmin, "POST", path, "").is(200)
	for body, want := range map[string]string{
		`{"webhook":{"filter":"data.n >"}}`:  "webhook.filter filter_invalid Line 1, column 9: Is not a valid expression.",
		`{"webhook":{"transform":"nobody"}}`: "webhook.transform transform_invalid Line 1, column 1: Has a name that is not known; there are type and data, and for filters metadata.",
		`{"webhook":{"filter":"` + strings.Repeat("[1,2,3,4,5,6,7,8,9].all(x, ", 8) + "true" + strings.Repeat(")", 8) + `"}}`: "webhook.filter filter_too_costly Would cost too much time or memory.",
		`{"webhook":{"format":"soap"}}`:             "webhook.format invalid_field Must be standard, raw, cloudevents or cloudevents-binary.",
		`{"webhook":{"url":"https://a.example"}}`:   "webhook unknown_field Has a field that is not known here.",
		`{"event_type":"no type"}`:                  "event_type event_type_invalid Event type must be dotted names of letters, digits, _ and -, at most 128 bytes.",
		`{"event_id":"evt_nobody"}`:                 "event_id invalid_field There is no such event.",
		`{"event_id":"evt_nobody","source":"shop"}`: "event_id invalid_field Must not come together with an event of your own.",
	} {
		got := w.call(asAdmin, "POST", path, body).is(422)
		fault := got.get("errors").([]any)[0].(map[string]any)
		if have := fault["field"].(string) + " " + fault["code"].(string) + " " + fault["message"].(string); have != want {
			t.Errorf("preview with %s says %q; want %q", body, have, want)
		}
	}
	if len(w.requests) > 0 {
		t.Errorf("%d requests were sent by previews", len(w.requests))
	}
}

// TestPreviewOfStoredEventsIsRedacted previews an event of the history.
func TestPreviewOfStoredEventsIsRedacted(t *testing.T) {
	t.Parallel()
	w := newExpressiveWorld(t)
	w.create(`{"url":"https://acme.example/hooks"}`)
	event, _ := w.publish(`{"type":"user.joined","data":{"email":"canary@example.org","n":1}}`)
	for transform, want := range map[string]string{
		"":                         `"email":"***"`,
		"{'to': data.email}":       `"to":"***"`,
		"{'n': data.n}":            `"n":1`,
		"{'to': data.email + '!'}": `"to":"***!"`,
		"{'to': {'canary@example.org':1}[data.email]}": `"***"`,
		"{'n': data.gone}": ``,
	} {
		path := "/webhooks/" + w.create(`{"url":"https://acme.example/hooks","filter":"data.email.startsWith('canary')","transform":"`+transform+`"}`) + "/preview"
		got := w.call(asAdmin, "POST", path, `{"event_id":"`+event+`"}`).is(200)
		if strings.Contains(got.body, "canary") || strings.Contains(got.body, "example.org") || !strings.Contains(got.text("body"), want) || got.get("matched") != true {
			t.Errorf("preview of a stored event with %q = %s; want it matched by what is in it, and %s", transform, got.body, want)
		}
	}
	foreign := w.call("admin "+globex+" publish", "POST", "/webhooks", `{"url":"https://globex.example/hooks"}`).is(201).text("id")
	w.call("admin "+globex, "POST", "/webhooks/"+foreign+"/preview", `{"event_id":"`+event+`"}`).problem(422, "invalid_field")
}
