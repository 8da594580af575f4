package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/webhook"
)

// things are ids of what routes are about.
type things struct{ endpoint, delivery, job, event, key string }

// things returns what acme has.
func (w *world) things(ep webhook.Endpoint) things {
	w.t.Helper()
	key, _, err := w.m.CreateAPIKey(w.t.Context(), webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin}, webhook.Token{Name: "a program"})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.m.RegisterEventType(w.t.Context(), webhook.EventType{Name: "own.type"}); err != nil {
		w.t.Fatal(err)
	}
	d := w.deliveries(ep.ID)[0]
	return things{ep.ID, d.ID, w.redeliver(ep.ID), d.EventID, key.ID}
}

// everyRoute are requests for all routes but the live log, which does not end, with the
// least role that may make them.
func everyRoute(of things) []struct{ method, path, role string } {
	ep, delivery, job, event, key := of.endpoint, of.delivery, of.job, of.event, of.key
	return []struct{ method, path, role string }{
		{"GET", "/", "viewer"},
		{"GET", "/manage", "viewer"},
		{"GET", "/" + ep, "viewer"},
		{"GET", "/" + ep + "/deliveries", "viewer"},
		{"GET", "/" + ep + "/deliveries/" + delivery, "viewer"},
		{"GET", "/" + ep + "/deliveries/export", "viewer"},
		{"GET", "/history", "viewer"},
		{"GET", "/history/" + event, "viewer"},
		{"POST", "/history/" + event + "/cancel", "developer"},
		{"GET", "/keys", "admin"},
		{"POST", "/keys", "admin"},
		{"POST", "/keys/" + key + "/revoke", "admin"},
		{"GET", "/events", "viewer"},
		{"GET", "/events/user.registered", "viewer"},
		{"GET", "/events/own.type/edit", "admin event-types"},
		{"POST", "/events/own.type/edit", "admin event-types"},
		{"POST", "/events/own.type/retire", "admin event-types"},
		{"GET", "/event-types/new", "admin event-types"},
		{"POST", "/event-types/new", "admin event-types"},
		{"GET", "/analytics", "viewer"},
		{"GET", "/dead-letters", "viewer"},
		{"GET", "/redeliveries/" + job, "viewer"},
		{"GET", "/create", "developer"},
		{"GET", "/testing", "developer"},
		{"GET", "/" + ep + "/edit", "developer"},
		{"GET", "/" + ep + "/test", "developer"},
		{"POST", "/create", "developer"},
		{"POST", "/testing/check", "developer"},
		{"POST", "/" + ep, "developer"},
		{"POST", "/" + ep + "/edit", "developer"},
		{"POST", "/" + ep + "/test", "developer"},
		{"POST", "/" + ep + "/pause", "developer"},
		{"POST", "/" + ep + "/resume", "developer"},
		{"POST", "/" + ep + "/rotate", "developer"},
		{"POST", "/" + ep + "/deliveries/redeliver", "developer"},
		{"POST", "/" + ep + "/deliveries/" + delivery + "/retry", "developer"},
		{"POST", "/" + ep + "/deliveries/" + delivery + "/cancel", "developer"},
		{"POST", "/dead-letters/redeliver", "developer"},
		{"POST", "/redeliveries/" + job + "/cancel", "developer"},
		{"GET", "/audit", "admin"},
		{"POST", "/" + ep + "/delete", "developer"}, // the last, since nothing is there after it
	}
}

// ofAcme says that somebody of acme asks, with a role and then scopes.
func ofAcme(role string) string {
	role, scopes, _ := strings.Cut(role, " ")
	return role + " " + acme + " " + scopes
}

// TestRoles makes every request as every role: who may not gets 403, and nothing changes.
func TestRoles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		rank := []string{"viewer", "developer", "admin", "admin event-types"}
		routes := everyRoute(w.things(ep))
		if got, want := len(routes)+1, console.Routes(); got != want {
			t.Errorf("%d routes are tested, the live log among them; there are %d", got, want)
		}
		before := w.audited() + w.hostRows()
		for _, rt := range routes {
			for _, role := range rank {
				if slices.Index(rank, role) >= slices.Index(rank, rt.role) {
					continue
				}
				send(t, w.ui, ofAcme(role), rt.method, rt.path, url.Values{"confirmed": {"yes"}}).is(http.StatusForbidden).inert()
			}
			send(t, w.ui, "", rt.method, rt.path, nil).is(http.StatusUnauthorized).inert()
			send(t, w.ui, "stranger "+acme, rt.method, rt.path, nil).is(http.StatusForbidden)
			send(t, w.ui, "down "+acme, rt.method, rt.path, nil).is(http.StatusServiceUnavailable)
			send(t, w.ui, "king "+acme, rt.method, rt.path, nil).is(http.StatusForbidden)
		}
		if after := w.audited() + w.hostRows(); after != before {
			t.Errorf("%d changes were made by those who may make none", after-before)
		}
		for _, rt := range routes {
			r := send(t, w.ui, ofAcme(rt.role), rt.method, rt.path, url.Values{"payload": {"{}"}, "event_type": {"ping"}, "name": {"another"}})
			if r.status >= 400 && r.status != http.StatusUnprocessableEntity {
				t.Errorf("%s as %s = %d; want it answered", r.call, rt.role, r.status)
			}
			time.Sleep(time.Second) // virtual: tests are limited
		}
	})
}

// TestViewersNeedTheHost sees that viewers are refused unless the host lets them in.
func TestViewersNeedTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *dispatcher.Config, cfg *console.Config) { cfg.AllowViewer = false })
		w.get("viewer "+acme, "/").is(http.StatusForbidden)
		w.get("developer "+acme, "/").is(http.StatusOK)
	})
}

// TestTenantsAreSeparate asks for everything of acme's as globex: the answers are those for
// ids that nobody has.
func TestTenantsAreSeparate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		own := everyRoute(w.things(ep))
		nobody := everyRoute(things{
			webhook.NewID(webhook.PrefixEndpoint), webhook.NewID(webhook.PrefixDelivery), webhook.NewID(webhook.PrefixJob),
			webhook.NewID(webhook.PrefixEvent), webhook.NewID(webhook.TokenAPIKey.Prefix()),
		})
		for i, rt := range own {
			if rt.path == nobody[i].path { // it is about no id
				continue
			}
			form := url.Values{"payload": {"{}"}}
			foreign := send(t, w.ui, "admin globex", rt.method, rt.path, form)
			unknown := send(t, w.ui, "admin globex", nobody[i].method, nobody[i].path, form)
			if foreign.status != http.StatusNotFound || foreign.body != unknown.body {
				t.Errorf("%s of another tenant = %d; want the same 404 as for an unknown id", rt.path, foreign.status)
			}
			time.Sleep(time.Second) // virtual: tests are limited
		}
		if page := w.get("admin globex", "/").is(http.StatusOK); strings.Contains(page.body, "acme.example") {
			t.Error("the overview of globex has a webhook of acme's")
		}
	})
}

// TestHeaders looks at the headers of pages, files and errors.
func TestHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		style := regexp.MustCompile(`href="\./(static/[^"]+console\.css)"`).FindStringSubmatch(w.get(asAdmin, "/").body)
		if style == nil {
			t.Fatal("the overview has no stylesheet")
		}
		for _, path := range []string{"/", "/nothing/here", "/" + style[1], "/static/x/nothing.js"} {
			h := w.get(asAdmin, path).header
			want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
			if got := h.Get("Content-Security-Policy"); got != want {
				t.Errorf("%s: Content-Security-Policy = %q; want %q", path, got, want)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
				t.Errorf("%s: headers = %v; want nosniff, no-referrer and no frames", path, h)
			}
			if got, isFile := h.Get("Cache-Control"), strings.HasSuffix(path, ".css"); isFile != strings.Contains(got, "immutable") || !isFile && got != "no-store" {
				t.Errorf("%s: Cache-Control = %q", path, got)
			}
		}
		old := w.get(asAdmin, "/static/0123456789ab/console.css").is(http.StatusOK)
		if got := old.header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("a stylesheet of another version has Cache-Control %q; want no-cache", got)
		}
		framed := newWorld(t, func(_ *dispatcher.Config, cfg *console.Config) {
			cfg.FrameAncestors = []string{"'self'", "https://app.acme.example"}
		})
		h := framed.get(asAdmin, "/").header
		if got := h.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors 'self' https://app.acme.example") || h.Get("X-Frame-Options") != "" {
			t.Errorf("with FrameAncestors: %q and X-Frame-Options %q", got, h.Get("X-Frame-Options"))
		}
	})
}

// TestCrossOrigin sees that no other site can have a form sent.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t)
		for _, rt := range everyRoute(things{ep.ID, w.deliveries(ep.ID)[0].ID, "job_x", "evt_x", "key_x"}) {
			if rt.method != http.MethodPost {
				continue
			}
			for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
				w.post(asAdmin, rt.path, nil, header...).is(http.StatusForbidden).says("cross_origin")
			}
		}
		w.post(asAdmin, "/"+ep.ID+"/pause", nil, "Sec-Fetch-Site", "same-origin").to("../" + ep.ID + "?done=paused")
	})
}
