package httpapi_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// TestMessages brings about what users are told in fixed words, which the console shows as
// well.
func TestMessages(t *testing.T) {
	t.Parallel()
	said := func(t *testing.T, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("the API says %q; want %q", got, want)
		}
	}
	for name, bring := range map[string]func(t *testing.T){
		"invalid URL": func(t *testing.T) {
			w := newWorld(t)
			for _, url := range []string{"http://acme.example/", "acme.example", "https://", "ftp://acme.example/"} {
				said(t, w.call(asAdmin, "POST", "/webhooks", `{"url":"`+url+`"}`).problem(422, "url_invalid"), "Endpoint must be a valid HTTPS URL.")
			}
		},
		"address that is not allowed": func(t *testing.T) {
			w := newWorld(t)
			for _, url := range []string{"https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://db.internal/"} {
				said(t, w.call(asAdmin, "POST", "/webhooks", `{"url":"`+url+`"}`).problem(422, "url_not_allowed"), "Endpoint address is not allowed.")
			}
		},
		"test that times out": func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(ctx context.Context, _ *transport.Request) (*transport.Response, error) {
				<-ctx.Done()
				return nil, &transport.Error{Class: webhook.ClassTimeout, Err: ctx.Err()}
			}
			id := w.create(`{"url":"https://acme.example/hooks"}`)
			got := w.call(asAdmin, "POST", "/webhooks/"+id+"/test", "").is(200)
			said(t, got.text("message"), "Endpoint did not respond within 5 seconds. Check your server.")
			said(t, got.text("error_class"), "timeout")
		},
		"signature of another secret": func(t *testing.T) {
			w := newWorld(t)
			id := w.create(`{"url":"https://acme.example/hooks"}`)
			body := `{"headers":{"webhook-id":"evt_1","webhook-timestamp":"` + strconv.FormatInt(time.Now().Unix(), 10) + `","webhook-signature":"v1,` + strings.Repeat("A", 43) + `="},"body":"{}"}`
			got := w.call(asAdmin, "POST", "/webhooks/"+id+"/verify-signature", body).is(200)
			if got.get("valid") != false {
				t.Errorf("verify-signature = %s; want it not valid", got.body)
			}
			said(t, got.text("reason"), "Signature verification failed. Check your secret key.")
		},
		"plan's limit": func(t *testing.T) {
			w := newWorld(t, func(d *dispatcher.Config, _ *httpapi.Config) {
				d.Limits = func(context.Context, string) (webhook.Limits, error) { return webhook.Limits{EventsPerMonth: 1}, nil }
			})
			w.call(asAdmin, "POST", "/events", `{"type":"a","data":1}`).is(202)
			got := w.call(asAdmin, "POST", "/events", `{"type":"a","data":1}`)
			said(t, got.problem(429, "rate_limited"), "Too many webhook deliveries. Upgrade plan for higher limits.")
			if got.header.Get("Retry-After") == "" {
				t.Error("the API does not say when to try again")
			}
		},
		"automatic pause": func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(context.Context, *transport.Request) (*transport.Response, error) {
				return &transport.Response{StatusCode: 500}, nil
			}
			id := w.create(`{"url":"https://acme.example/hooks","auto_pause_after":10}`)
			w.call(asAdmin, "POST", "/events", `{"type":"a","data":1}`).is(202)
			w.call(asAdmin, "POST", "/events", `{"type":"a","data":2}`).is(202)
			ctx, stop := context.WithTimeout(t.Context(), 5*24*time.Hour)
			defer stop()
			if err := w.d.Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
			got := w.call(asAdmin, "GET", "/webhooks/"+id, "").is(200)
			said(t, got.text("status"), "paused")
			said(t, got.text("status_reason"), "Webhook paused after 10 consecutive failures.")
		},
		"event that was published before": func(t *testing.T) {
			w := newWorld(t)
			const event = `{"type":"a","data":{"n": 1},"idempotency_key":"k"}`
			first := w.call(asAdmin, "POST", "/events", event).is(202)
			again := w.call(asAdmin, "POST", "/events", event).is(202)
			if again.get("duplicate") != true || again.text("id") != first.text("id") {
				t.Errorf("the same event again = %s; want the first one's id, %s", again.body, first.text("id"))
			}
			other := w.call(asAdmin, "POST", "/events", strings.Replace(event, "1", "2", 1))
			said(t, other.problem(409, "idempotency_conflict"), "Idempotency key was used with a different event.")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, bring)
		})
	}
}
