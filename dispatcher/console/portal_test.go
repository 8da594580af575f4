package console_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// withPortal turns the portal on.
func withPortal(_ *dispatcher.Config, cfg *console.Config) { cfg.Portal = true }

// token makes a portal token of acme's, and returns it with its secret.
func (w *world) token(role webhook.Role, life time.Duration) (webhook.Token, string) {
	w.t.Helper()
	by := webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin, Scopes: []string{"event-types"}}
	made, secret, err := w.m.CreatePortalToken(w.t.Context(), by, webhook.Token{Role: role, ExpiresAt: time.Now().Add(life)})
	if err != nil {
		w.t.Fatal(err)
	}
	return made, secret.Reveal()
}

// enter trades a token, and returns the cookie as a browser sends it.
func (w *world) enter(secret string) string {
	w.t.Helper()
	r := w.post("", "/portal", url.Values{"token": {secret}}).to("./")
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		w.t.Fatal(err)
	}
	return cookie.Name + "=" + cookie.Value
}

// TestPortalCookie looks at the cookie that a token is traded for.
func TestPortalCookie(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plain := newWorld(t, withPortal)
		framed := newWorld(t, withPortal, func(_ *dispatcher.Config, cfg *console.Config) { cfg.FrameAncestors = []string{"https://app.example"} })
		for _, tt := range []struct {
			name   string
			w      *world
			host   string
			tls    bool
			cookie string
			secure bool
			site   http.SameSite
		}{
			{"https", plain, "acme.example", true, "__Secure-webhooks_portal", true, http.SameSiteLaxMode},
			{"https that ends at a proxy", plain, "acme.example", false, "__Secure-webhooks_portal", true, http.SameSiteLaxMode},
			{"http on this machine", plain, "127.0.0.1:8080", false, "webhooks_portal", false, http.SameSiteLaxMode},
			{"http on this machine by name", plain, "localhost", false, "webhooks_portal", false, http.SameSiteLaxMode},
			{"http on this machine, IPv6", plain, "[::1]:8080", false, "webhooks_portal", false, http.SameSiteLaxMode},
			{"a frame", framed, "acme.example", true, "__Secure-webhooks_portal", true, http.SameSiteNoneMode},
			{"a frame on this machine", framed, "localhost:8080", false, "__Secure-webhooks_portal", true, http.SameSiteNoneMode},
		} {
			_, secret := tt.w.token("", 90*time.Minute)
			time.Sleep(time.Minute)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/portal", strings.NewReader(url.Values{"token": {secret}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Host = tt.host
			if tt.tls {
				r.TLS = new(tls.ConnectionState)
			}
			rec := httptest.NewRecorder()
			tt.w.ui.ServeHTTP(rec, r)
			if got := rec.Result().Cookies(); len(got) != 1 {
				t.Errorf("%s: %d cookies; want one", tt.name, len(got))
			} else if c := got[0]; c.Name != tt.cookie || c.Secure != tt.secure || c.SameSite != tt.site || c.Partitioned != (tt.site == http.SameSiteNoneMode) ||
				!c.HttpOnly || c.Path != "" || c.Domain != "" || c.MaxAge != 89*60 {
				t.Errorf("%s: the cookie is %s; want %s, HttpOnly, for the mount alone, and as long as the token", tt.name, c, tt.cookie)
			}
		}
	})
}

// TestPortalSession sees what customers see of each role, and what they do not.
func TestPortalSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ep := furnished(t, withPortal)
		things := everyRoute(w.things(ep))
		for role, barred := range map[webhook.Role][]string{
			webhook.RoleAdmin: {"/keys"}, webhook.RoleDeveloper: {"/keys", "/audit"}, webhook.RoleViewer: {"/keys", "/audit", "/create", "/testing"},
		} {
			_, secret := w.token(role, time.Hour)
			cookie := w.enter(secret)
			page := w.get("", "/", "Cookie", cookie).is(http.StatusOK).says("acme.example/hooks", "Leave")
			for _, path := range barred {
				if strings.Contains(page.body, `href=".`+path+`"`) {
					t.Errorf("a customer with the role %s is shown a link to %s", role, path)
				}
				w.get("", path, "Cookie", cookie).is(http.StatusForbidden)
			}
			w.post("", "/keys", url.Values{"name": {"x"}}, "Cookie", cookie).is(http.StatusForbidden)
			before := w.audited()
			for _, rt := range things {
				if role == webhook.RoleViewer && rt.method == http.MethodPost {
					w.post("", rt.path, nil, "Cookie", cookie).is(http.StatusForbidden)
				}
			}
			if after := w.audited(); after != before {
				t.Errorf("a customer with the role %s has made %d changes", role, after-before)
			}
		}
		theirs := w.create(webhook.Endpoint{URL: "https://acme.example/other"})
		_, foreign, err := w.m.CreatePortalToken(t.Context(), webhook.Principal{Tenant: "globex", Role: webhook.RoleAdmin}, webhook.Token{})
		if err != nil {
			t.Fatal(err)
		}
		cookie := w.enter(foreign.Reveal())
		w.get("", "/"+theirs.ID, "Cookie", cookie).is(http.StatusNotFound)
		// Whoever the host would let in: the cookie says who asks.
		if page := w.get(asAdmin, "/", "Cookie", cookie).is(http.StatusOK); strings.Contains(page.body, "acme.example") {
			t.Error("a customer of globex sees webhooks of acme's")
		}
		w.post("", "/"+theirs.ID+"/pause", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").is(http.StatusForbidden).says("cross_origin")
	})
}

// TestPortalEnds ends sessions in every way that there is: nobody is let in a second later,
// and who comes is told what to do.
func TestPortalEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withPortal)
		elsewhere, err := dispatcher.New(w.d.Store(), dispatcher.Config{AllowPlaintextSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		for name, end := range map[string]func(id string) error{
			"its time is over": func(string) error { time.Sleep(time.Hour); return nil },
			"revoked here":     func(id string) error { return w.m.RevokePortalToken(t.Context(), acme, id) },
			"revoked elsewhere, a second later": func(id string) error {
				defer time.Sleep(time.Second)
				return manage.New(elsewhere).RevokePortalToken(t.Context(), acme, id)
			},
		} {
			made, secret := w.token("", time.Hour)
			cookie := w.enter(secret)
			w.get("", "/", "Cookie", cookie).is(http.StatusOK)
			if err := end(made.ID); err != nil {
				t.Fatal(err)
			}
			w.get("", "/dead-letters", "Cookie", cookie).to("./portal")
			w.get(asAdmin, "/ep_x/deliveries", "Cookie", cookie).to("../portal")
			w.post("", "/create", nil, "Cookie", cookie).to("./portal")
			page := w.get("", "/portal", "Cookie", cookie).is(http.StatusOK).says("This session has ended", "from where you came from")
			if got := page.header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") || strings.Contains(got, "Path") {
				t.Errorf("%s: the cookie is kept: %q", name, got)
			}
			w.post("", "/portal", url.Values{"token": {secret}}).is(http.StatusUnauthorized).says("This link does not work any more").inert()
		}
		_, secret := w.token("", time.Hour)
		left := w.post("", "/leave", nil, "Cookie", w.enter(secret)).to("./portal?done=left")
		if got := left.header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
			t.Errorf("who leaves keeps the cookie: %q", got)
		}
		w.get("", "/portal?done=left").is(http.StatusOK).says("You have left.").inert()
	})
}

// TestPortalTakesTokensAlone shows what lets nobody in.
func TestPortalTakesTokensAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withPortal, func(_ *dispatcher.Config, cfg *console.Config) {
			cfg.FrameAncestors = []string{"'self'", "https://*.example", "https://app.acme.example"}
		})
		_, key, err := w.m.CreateAPIKey(t.Context(), webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin}, webhook.Token{Name: "a program"})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "prp_", key.Reveal(), hostile[0]} {
			r := w.post("", "/portal", url.Values{"token": {text}}).is(http.StatusUnauthorized).says("This link does not work any more")
			r.inert()
			if r.header.Get("Set-Cookie") != "" {
				t.Errorf("a token %q has set a cookie", text)
			}
			w.get("", "/", "Cookie", "__Secure-webhooks_portal="+url.QueryEscape(text)).to("./portal")
		}
		_, secret := w.token("", time.Hour)
		form := url.Values{"token": {secret}}
		w.post("", "/portal", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").is(http.StatusForbidden).says("cross_origin")
		w.post("", "/portal", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://x.example").is(http.StatusForbidden)
		w.post("", "/portal", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://app.acme.example").to("./")
		w.post("", "/portal?token="+secret, nil).is(http.StatusUnauthorized) // addresses are logged
		// A link must not make somebody else of who is signed in, but in a frame of the host's.
		if page := w.get(asAdmin, "/portal").is(http.StatusOK).says("You are signed in as admin@acme"); !strings.Contains(page.body, "data-ask") {
			t.Error("a link is followed without asking who is signed in")
		}
		if page := w.get(asAdmin, "/portal", "Sec-Fetch-Dest", "iframe").is(http.StatusOK); strings.Contains(page.body, "data-ask") {
			t.Error("a frame asks who is signed in")
		}
		w.get("", "/portal").is(http.StatusOK).inert()

		off := newWorld(t)
		_, secret = off.token("", time.Hour)
		off.get("", "/", "Cookie", "__Secure-webhooks_portal="+secret).is(http.StatusUnauthorized)
		off.get(asAdmin, "/portal").is(http.StatusNotFound)
		off.post("", "/portal", url.Values{"token": {secret}}).is(http.StatusUnauthorized)
	})
}

// TestPortalLink makes a token on the page of keys, and opens the console by the link.
func TestPortalLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withPortal)
		form := url.Values{"name": {"ada"}, "kind": {"portal"}, "life": {"hour"}}
		page := w.post(asAdmin, "/keys", form).is(http.StatusCreated).says("Open the console with it")
		_, secret, ok := strings.Cut(page.body, `href="./portal#`)
		if secret, _, _ = strings.Cut(secret, `"`); !ok {
			t.Fatal("there is no link to the portal")
		}
		w.get("", "/", "Cookie", w.enter(secret)).is(http.StatusOK).says("ada (ptk_")
		off := newWorld(t)
		if page := off.post(asAdmin, "/keys", form).is(http.StatusCreated); strings.Contains(page.body, "portal#") {
			t.Error("there is a link to a portal that is off")
		}
	})
}

// TestSignIn sends those who are not signed in where the host wants.
func TestSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *dispatcher.Config, cfg *console.Config) {
			cfg.SignIn = http.RedirectHandler("/login", http.StatusSeeOther)
		})
		w.get("", "/keys").to("/login")
		w.post("", "/keys", nil).is(http.StatusUnauthorized)
		w.get("stranger "+acme, "/keys").is(http.StatusForbidden)
		w.get(asAdmin, "/keys").is(http.StatusOK)
	})
}
