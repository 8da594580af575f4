package httpapi_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
)

func TestErase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.create(`{"url":"https://acme.example/hooks"}`)
		w.publish(`{"type":"user.registered","data":{"name":"Jane"},"subject":"jane"}`)
		export := w.call(asAdmin, "POST", "/webhooks/export-subject", `{"subject":"jane"}`).is(200)
		if export.header.Get("Content-Type") != "application/x-ndjson" || strings.Count(export.body, "Jane") != 1 || !strings.Contains(export.body, `"kind":"counts"`) {
			t.Errorf("export = %v %s; want the event as a line, and the counts as the last", export.header, export.body)
		}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- w.d.Run(ctx) }()
		if got := w.call(asAdmin, "POST", "/webhooks/erase", `{"subject":"jane"}`).is(200); got.get("events") != 1.0 || got.get("deliveries") != 1.0 {
			t.Errorf("erase = %s; want one event and its delivery", got.body)
		} else if again := w.call(asAdmin, "GET", "/webhooks/erasures/"+got.text("id"), "").is(200); again.body != got.body {
			t.Errorf("GET /webhooks/erasures/{id} = %s; want %s", again.body, got.body)
		}
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
		if got := w.call(asAdmin, "GET", "/events", "").is(200); strings.Contains(got.body, "user.registered") {
			t.Errorf("events after erasing = %s; want none", got.body)
		}
		w.call(asAdmin, "POST", "/webhooks/erase", `{"subject":""}`).problem(422, "invalid_field")
		w.call(asAdmin, "POST", "/webhooks/export-subject", `{"subject":""}`).problem(422, "invalid_field")
	})
}
