package httpapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const wholeWebhook = `{"url":"https://acme.example/hooks","description":"d","labels":["l"],"event_types":["a.*"],"channels":["c"],"sources":["s"],
	"method":"PUT","headers":{"X-Team":"t"},"timeout_seconds":10.5,"retry":{"initial_seconds":5,"max_attempts":3,"jitter":0},
	"rate_limit":{"per_second":2.5,"burst":3},"max_in_flight":4,"batch":{"max_events":5,"max_wait_ms":200},"order":{"enabled":true,"on_failure":"skip"},
	"priority":"low","on_paused":"skip","auto_pause_after":-1,"success_statuses":[200],"dead_letter":{"retain_days":7,"notify":false},
	"store_response":false,"auth":{"type":"basic","username":"u","secret":"hunter-two"},"tls":{"min_version":"1.3"},
	"signature":{"scheme":"v1a"},"anonymize":[{"pointer":"/email","action":"hash"}],"format":"cloudevents","allowed_ips":["203.0.113.0/24"],"metadata":{"k":"v"}}`

// TestWritingBackChangesNothing puts what was read, once with everything set and once with
// nothing.
func TestWritingBackChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []string{wholeWebhook, `{"url":"https://acme.example/hooks"}`} {
		id := w.create(body)
		before := w.call(asAdmin, "GET", "/webhooks/"+id, "").is(200)
		for _, method := range []string{"PUT", "PATCH"} {
			after := w.call(asAdmin, method, "/webhooks/"+id, before.body, "If-Match", before.header.Get("ETag")).is(200)
			if diff := cmp.Diff(before.object(), after.object()); diff != "" || after.header.Get("ETag") != before.header.Get("ETag") {
				t.Errorf("%s of what GET gave changed it (-before +after):\n%s", method, diff)
			}
		}
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(wholeWebhook)
	path := "/webhooks/" + id
	for _, tt := range []struct{ patch, field, want string }{
		{`{"description":null}`, "description", ""},
		{`{"metadata":{"k":null,"m":"w"}}`, "metadata.m", "w"},
		{`{"auth":{"type":"bearer","secret":"a-token"}}`, "auth.type", "bearer"},
		{`{"auth":null}`, "auth.type", "none"},
		{`{"priority":"high"}`, "priority", "high"},
	} {
		if got := w.call(asAdmin, "PATCH", path, tt.patch, "Content-Type", "application/merge-patch+json").is(200); got.text(tt.field) != tt.want || got.text("url") != "https://acme.example/hooks" {
			t.Errorf("PATCH %s = %s; want %s to be %q and the rest as it was", tt.patch, got.body, tt.field, tt.want)
		}
	}
	if got := w.call(asAdmin, "PATCH", path, `{"retry":{"schedule_seconds":[0,60]}}`).is(200); got.get("retry.initial_seconds") != nil || got.get("retry.jitter") != 0.0 {
		t.Errorf("PATCH to a schedule = %s; want the exponential policy to make way, and no jitter", got.body)
	}
	if got := w.call(asAdmin, "PATCH", path, `{"headers":null}`).is(200); len(got.get("headers").(map[string]any)) != 0 {
		t.Errorf("PATCH headers to null = %s; want none", got.body)
	}
}

func TestCredentialsStayUnlessTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(`{"url":"https://acme.example/hooks","auth":{"type":"bearer","secret":"a-token"},"headers":{"X-Key":"k-value"}}`)
	path := "/webhooks/" + id
	sent := func() string {
		t.Helper()
		w.call(asAdmin, "POST", path+"/test", "").is(200)
		w.mu.Lock()
		defer w.mu.Unlock()
		h := w.requests[len(w.requests)-1].Header
		return h.Get("Authorization") + "," + h.Get("X-Key")
	}
	w.call(asAdmin, "PUT", path, `{"url":"https://acme.example/hooks"}`).is(200)
	if got := sent(); got != "Bearer a-token,k-value" {
		t.Errorf("after a PUT without credentials %q was sent; want them kept", got)
	}
	w.call(asAdmin, "PUT", path, `{"url":"https://acme.example/hooks","auth":{"type":"bearer","secret":null}}`).problem(422, "invalid_field")
	w.call(asAdmin, "PUT", path, `{"url":"https://acme.example/hooks","auth":null,"headers":null}`).is(200)
	if got := sent(); got != "," {
		t.Errorf("after a PUT with null %q was sent; want nothing", got)
	}
}

func TestLostUpdatesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(`{"url":"https://acme.example/hooks"}`)
	path := "/webhooks/" + id
	tag := w.call(asAdmin, "GET", path, "").is(200).header.Get("ETag")
	w.call(asAdmin, "PATCH", path, `{"description":"first"}`, "If-Match", tag).is(200)
	w.call(asAdmin, "PATCH", path, `{"description":"second"}`, "If-Match", tag).problem(412, "precondition_failed")
	now := w.call(asAdmin, "GET", path, "").is(200)
	if now.text("description") != "first" || now.header.Get("Cache-Control") != "private, max-age=300" {
		t.Errorf("GET = %s, %v; want the first change, to be kept five minutes", now.body, now.header)
	}
	if got := w.call(asAdmin, "GET", path, "", "If-None-Match", now.header.Get("ETag")); got.status != 304 || got.body != "" {
		t.Errorf("GET with the present ETag = %d %q; want 304 and nothing", got.status, got.body)
	}
	list := w.call(asAdmin, "GET", "/webhooks", "").is(200)
	if got := w.call(asAdmin, "GET", "/webhooks", "", "If-None-Match", list.header.Get("ETag")); got.status != 304 || list.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("GET of a list that has not changed = %d, %v; want 304", got.status, list.header)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := make(map[string]bool)
	for _, label := range []string{"a", "b", "a", "a", "b"} {
		id := w.create(`{"url":"https://acme.example/hooks","labels":["` + label + `"]}`)
		want[id] = label == "a"
	}
	next, seen := "", 0
	for {
		page := w.call(asAdmin, "GET", "/webhooks?label=a&limit=2&cursor="+next, "").is(200)
		for _, one := range page.get("data").([]any) {
			if id, _ := one.(map[string]any)["id"].(string); !want[id] {
				t.Errorf("webhook %s was listed twice, or has another label", id)
			} else {
				delete(want, id)
				seen++
			}
		}
		if next = page.text("next"); next == "" {
			break
		}
		w.call(asAdmin, "GET", "/webhooks?label=b&limit=2&cursor="+next, "").problem(400, "invalid_cursor")
		w.call("admin "+globex, "GET", "/webhooks?label=a&limit=2&cursor="+next, "").problem(400, "invalid_cursor")
		w.call(asAdmin, "GET", "/webhooks?label=a&limit=2&cursor="+strings.ToLower(next), "").problem(400, "invalid_cursor")
	}
	if seen != 3 {
		t.Errorf("the pages had %d webhooks; want 3", seen)
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "status=odd", "colour=red", "q=%00", "q=%ff", "label=%1b"} {
		if got := w.call(asAdmin, "GET", "/webhooks?"+query, ""); got.status != 422 || strings.Contains(got.body, "colour") || strings.Contains(got.body, "odd") {
			t.Errorf("GET /webhooks?%s = %d %s; want 422, and nothing repeated", query, got.status, got.body)
		}
	}
}
