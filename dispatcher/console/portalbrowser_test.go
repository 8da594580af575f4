package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/webhook"
)

// portal is a console that customers come to, and a page of the host's on another site.
type portal struct {
	*live
	// url is the console's, and host that of the page, which has the console in a frame.
	url, host string
	// answers are the requests that were answered, such as "GET / 200".
	answers chan string
}

// newPortal serves both. The page is on localhost, which is another site than 127.0.0.1.
func newPortal(t *testing.T, framed bool) *portal {
	t.Helper()
	p := &portal{live: newLive(t), answers: make(chan string, 1000)}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>The host</title><link rel="icon" href="data:,"><h1>The host's page</h1><iframe width="1000" height="600" src="%sportal#%s"></iframe>`, p.url, r.URL.Query().Get("token"))
	}))
	t.Cleanup(page.Close)
	p.host = strings.Replace(page.URL, "127.0.0.1", "localhost", 1)
	cfg := console.Config{Portal: true, AllowViewer: true, Authenticate: func(*http.Request) (webhook.Principal, error) { return webhook.Principal{}, errNobody }}
	if framed {
		cfg.FrameAncestors = []string{p.host}
	}
	p.url = p.mount(cfg, func(ui http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &statusOf{ResponseWriter: w, status: http.StatusOK}
			ui.ServeHTTP(rec, r)
			p.answers <- fmt.Sprintf("%s %s %d", r.Method, strings.TrimPrefix(r.URL.Path, prefix), rec.status)
		})
	})
	return p
}

// statusOf remembers the status of an answer.
type statusOf struct {
	http.ResponseWriter
	status int
}

func (w *statusOf) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusOf) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answered waits for an answer, and returns those that came before it.
func (p *portal) answered(want string) (before []string) {
	p.t.Helper()
	for {
		select {
		case got := <-p.answers:
			if got == want {
				return before
			}
			before = append(before, got)
		case <-time.After(patience):
			p.t.Fatalf("waited in vain for %s; there were %q", want, before)
		}
	}
}

// token makes a portal token.
func (p *portal) token(role webhook.Role) (webhook.Token, string) {
	p.t.Helper()
	made, secret, err := p.m.CreatePortalToken(p.t.Context(), webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin}, webhook.Token{Name: "ada", Role: role})
	if err != nil {
		p.t.Fatal(err)
	}
	return made, secret.Reveal()
}

// TestPortalInBrowser opens the console by a link, as a customer: the token is nowhere to
// be seen afterwards, and when it is revoked the customer is out and told what to do.
func TestPortalInBrowser(t *testing.T) {
	t.Parallel()
	b := browser(t)
	p := newPortal(t, false)
	ep := p.create(webhook.Endpoint{URL: p.receiver.URL + "/ok/portal", Description: "Acme's own"})
	if _, _, err := p.m.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "globex", URL: p.receiver.URL + "/ok/globex"}); err != nil {
		t.Fatal(err)
	}
	tab := p.tab(b, t, variants[0], originOf(t, p.url))
	made, secret := p.token(webhook.RoleDeveloper)
	tab.open(prefix + "/portal#" + secret)
	tab.see("Acme's own")
	tab.picture("portal")
	tab.accessible("the console of a customer")
	for _, part := range []string{"globex", "API keys", "Audit"} {
		if strings.Contains(tab.text(), part) {
			t.Errorf("a customer sees %q", part)
		}
	}
	if got := eval[string](tab, "location.href + document.referrer + document.cookie"); got != p.url {
		t.Errorf("address, referrer and cookies for scripts are %q; want %s alone", got, p.url)
	}
	eval[int](tab, "setTimeout(() => history.back())")
	tab.wait("!location.pathname.endsWith('/webhooks/')")
	if got := eval[string](tab, "location.href"); strings.Contains(got, secret) {
		t.Error("the token is in the history")
	}
	tab.open(prefix + "/" + ep.ID)
	tab.see("Acme's own")
	if err := p.m.RevokePortalToken(t.Context(), acme, made.ID); err != nil {
		t.Fatal(err)
	}
	tab.click(".side a[data-go=h]")
	tab.see("This session has ended")
	tab.picture("portal-ended")
	tab.accessible("a session that has ended")

	_, secret = p.token(webhook.RoleViewer)
	tab.fill("#token", secret)
	tab.click("main button.primary")
	tab.see("Acme's own")
	if buttons := eval[int](tab, "document.querySelectorAll('main form[method=post]').length"); buttons != 0 {
		t.Errorf("a viewer has %d forms that change something", buttons)
	}
	tab.click(".tools form button")
	tab.see("You have left.")
	tab.quiet()
}

// TestPortalInFrame shows the console in a frame on a page of another site.
func TestPortalInFrame(t *testing.T) {
	t.Parallel()
	b := browser(t)
	t.Run("allowed", func(t *testing.T) {
		t.Parallel()
		p := newPortal(t, true)
		p.create(webhook.Endpoint{URL: p.receiver.URL + "/ok/framed", Description: "Acme's own"})
		tab := p.tab(b, t, variants[0], p.host)
		tab.expect("request to " + p.url)
		_, secret := p.token("")
		tab.open("/?token=" + secret)
		if before := p.answered("GET / 200"); !slices.Contains(before, "POST /portal 303") {
			t.Errorf("the frame shows the overview after %q; want the token posted", before)
		}
		tab.picture("portal-frame")
		tab.quiet()
	})
	t.Run("not allowed", func(t *testing.T) {
		t.Parallel()
		p := newPortal(t, false)
		tab := p.tab(b, t, variants[0], p.host)
		tab.expect("request to " + p.url)
		tab.expect("frame-ancestors 'none'")
		_, secret := p.token("")
		tab.open("/?token=" + secret)
		if before := p.answered("GET /portal 200"); len(before) > 0 {
			t.Errorf("before the frame there was %q; want nothing", before)
		}
		tab.hears("frame-ancestors 'none'")
		select {
		case got := <-p.answers:
			t.Errorf("the frame has gone on: %s", got)
		default:
		}
		tab.quiet()
	})
}
