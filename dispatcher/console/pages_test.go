package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
)

// mounts are ways to mount the console, with the prefix of each.
var mounts = []struct {
	name, prefix string
	mount        func(http.Handler) http.Handler
}{
	{"at the root", "", func(ui http.Handler) http.Handler { return ui }},
	{"ServeMux", "/settings/webhooks", func(ui http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/settings/webhooks/", http.StripPrefix("/settings/webhooks", ui))
		return mux
	}},
	{"chi", "/settings/webhooks", func(ui http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Mount("/settings/webhooks", ui)
		return r
	}},
	{"chi in chi", "/a/b/webhook", func(ui http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Route("/a", func(r chi.Router) { r.Route("/b", func(r chi.Router) { r.Mount("/webhook", ui) }) })
		return r
	}},
	{"chi and StripPrefix", "/a/webhook", func(ui http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Route("/a", func(r chi.Router) { r.Handle("/webhook/*", http.StripPrefix("/a/webhook", ui)) })
		return r
	}},
}

// furnished is a world with something to show on every page.
func furnished(t *testing.T, change ...func(*dispatcher.Config, *console.Config)) (w *world, ep webhook.Endpoint) {
	t.Helper()
	types := catalog.New()
	if err := telecom.Register(types); err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, append(change, func(cfg *dispatcher.Config, _ *console.Config) { cfg.EventTypes = types.Types() })...)
	ep = w.create(webhook.Endpoint{URL: "https://acme.example/hooks", Description: "Billing", Labels: []string{"eu"}, EventTypes: []string{"user.*", "gone.type"}, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}}})
	w.answer = statusCode(500)
	w.publish(webhook.Event{Type: "user.fails", Data: []byte(`{"n":1}`)})
	w.run(time.Second)
	w.answer = statusCode(200)
	w.publish(webhook.Event{Type: "user.comes", Data: []byte(`{"n":2}`)})
	w.run(10 * time.Second)
	return w, ep
}

// TestLinksResolve follows every link and form of every page, under every mount and as
// every role: none leads into nothing, and no viewer is offered what they may not do.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := furnished(t)
		for _, m := range mounts {
			for _, role := range []string{"admin", "developer", "viewer"} {
				h := m.mount(w.ui)
				visited := crawl(t, h, role+" "+acme, m.prefix+"/")
				if len(visited) < 60 {
					t.Errorf("%s, %s: %d pages were found; want those of all event types at least", m.name, role, len(visited))
				}
				for page := range visited {
					if !strings.HasPrefix(page, m.prefix+"/") {
						t.Errorf("%s, %s: a link leads to %s, above the mount", m.name, role, page)
					}
				}
			}
		}
	})
}

// crawl follows all links from a page, and returns the URLs of the pages that it has seen.
func crawl(t *testing.T, h http.Handler, as, start string) map[string]bool {
	t.Helper()
	visited, queue := make(map[string]bool), []string{start}
	for len(queue) > 0 && len(visited) < 400 {
		page := queue[0]
		queue = queue[1:]
		if visited[page] {
			continue
		}
		visited[page] = true
		r := send(t, h, as, http.MethodGet, page, nil)
		if r.status == http.StatusSeeOther {
			queue = append(queue, resolve(t, page, r.header.Get("Location")))
			continue
		}
		if r.status != http.StatusOK {
			t.Errorf("%s: a link leads to %s, which is %d", as, page, r.status)
			continue
		}
		if strings.HasPrefix(r.header.Get("Content-Type"), "text/html") { // exports are links too
			queue = append(queue, links(t, r, as, page)...)
		}
	}
	return visited
}

// links returns where a page leads: its links, styles and scripts, and the forms that get.
// It fails the test for a form that a viewer could not send.
func links(t *testing.T, r reply, as, page string) (found []string) {
	t.Helper()
	for n := range r.parse().Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, name := range []string{"href", "src"} {
			if v, ok := attribute(n, name); ok && !strings.HasPrefix(v, "#") {
				found = append(found, resolve(t, page, v))
			}
		}
		if n.Data != "form" {
			continue
		}
		switch method, _ := attribute(n, "method"); method {
		case "post":
			if strings.HasPrefix(as, "viewer") {
				action, _ := attribute(n, "action")
				t.Errorf("%s: %s has a form that posts to %q", as, page, action)
			}
		case "dialog", "get":
		default:
			t.Errorf("%s: a form has the method %q", page, method)
		}
	}
	return found
}

// resolve returns a relative URL as a browser does.
func resolve(t *testing.T, page, link string) string {
	t.Helper()
	base, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(link)
	if err != nil {
		t.Fatalf("%s has a link %q: %v", page, link, err)
	}
	u.Fragment = ""
	return u.String()
}

// TestBareMount asks for the mount without its slash, which must not break what is linked
// from there.
func TestBareMount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, m := range mounts {
			if m.prefix == "" || m.name == "chi and StripPrefix" { // which has no such route
				continue
			}
			r := send(t, m.mount(w.ui), asAdmin, http.MethodGet, m.prefix, nil)
			at := resolve(t, m.prefix, r.header.Get("Location"))
			if r.status/100 != 3 || at != m.prefix+"/" {
				t.Errorf("%s: GET %s = %d to %q; want a redirect to %s/", m.name, m.prefix, r.status, at, m.prefix)
			}
		}
		bare := http.StripPrefix("/settings/webhooks", w.ui)
		r := send(t, bare, asAdmin, http.MethodGet, "/settings/webhooks", nil)
		if got := r.header.Get("Location"); r.status != http.StatusMovedPermanently || got != "./webhooks/" {
			t.Errorf("GET of the bare mount = %d to %q; want 301 to ./webhooks/", r.status, got)
		}
	})
}

// TestForms sends what no browser sends.
func TestForms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, tt := range []struct {
			name, path string
			form       url.Values
			want       int
		}{
			{"NUL", "/create", url.Values{"url": {"https://acme.example/\x00"}}, http.StatusUnprocessableEntity},
			{"a name with NUL", "/create", url.Values{"\x00": {"x"}}, http.StatusUnprocessableEntity},
			{"not UTF-8", "/create", url.Values{"description": {"\xff"}}, http.StatusUnprocessableEntity},
			{"too large", "/create", url.Values{"description": {strings.Repeat("x", 1<<20)}}, http.StatusRequestEntityTooLarge},
			{"a step that is none", "/create", url.Values{"step": {"99"}}, http.StatusUnprocessableEntity},
			{"nothing", "/create", nil, http.StatusUnprocessableEntity},
			{"no webhook", "/ep_x/pause", nil, http.StatusNotFound},
		} {
			if r := w.post(asAdmin, tt.path, tt.form); r.status != tt.want {
				t.Errorf("%s: %d; want %d", tt.name, r.status, tt.want)
			}
		}
		w.get(asAdmin, "/?q=%00").is(http.StatusUnprocessableEntity)
		w.get(asAdmin, "/?q=%ff").is(http.StatusUnprocessableEntity)
		w.get(asAdmin, "/?q=%").is(http.StatusUnprocessableEntity)
		w.get(asAdmin, "/?cursor=altered").is(http.StatusBadRequest).says("This page of the list is no longer there")
		w.get(asAdmin, "/audit?from=yesterday").is(http.StatusUnprocessableEntity).says("2026-03-01T12:00")
		send(t, w.ui, asAdmin, http.MethodDelete, "/", nil).is(http.StatusMethodNotAllowed)
		if r := send(t, w.ui, asAdmin, http.MethodHead, "/", nil).is(http.StatusOK); r.body != "" {
			t.Error("HEAD has a body")
		}
	})
}

// TestSizes keeps what every page loads small.
func TestSizes(t *testing.T) {
	t.Parallel()
	sum := make(map[string]int64)
	files, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		sum[path.Ext(f.Name())] += info.Size()
	}
	for ext, most := range map[string]int64{".js": 30_000, ".css": 30_000} {
		if sum[ext] == 0 || sum[ext] > most {
			t.Errorf("the files with %s have %d bytes; at most %d", ext, sum[ext], most)
		}
	}
}

// TestComponents sees that each component of the requirements is defined once, and used
// where the requirements use it.
func TestComponents(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, dir := range []string{"templates", "templates/components", "templates/pages"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !f.IsDir() {
				content, err := os.ReadFile(dir + "/" + f.Name())
				if err != nil {
					t.Fatal(err)
				}
				all.Write(content)
			}
		}
	}
	for component, uses := range map[string]int{"webhook-card": 1, "event-selector": 2, "signature-verifier": 2, "delivery-status": 8, "delivery-table": 3, "chart": 2} {
		if n := strings.Count(all.String(), fmt.Sprintf("{{define %q}}", component)); n != 1 {
			t.Errorf("%s is defined %d times; want once", component, n)
		}
		if n := strings.Count(all.String(), fmt.Sprintf("{{template %q", component)); n < uses {
			t.Errorf("%s is used %d times; want %d at least", component, n, uses)
		}
	}
}

// audited counts the records of acme's audit log.
func (w *world) audited() int { w.t.Helper(); return w.auditedOf(acme) }

// hostRows counts the records of the audit log that are no tenant's.
func (w *world) hostRows() int { w.t.Helper(); return w.auditedOf("") }

func (w *world) auditedOf(tenant string) int {
	w.t.Helper()
	list, err := w.m.Audit(w.t.Context(), tenant, store.AuditFilter{}, store.Page{Limit: store.MaxPage})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

// redeliver starts a redelivery of what failed, and returns its job.
func (w *world) redeliver(endpoint string) string {
	w.t.Helper()
	r := w.post(asAdmin, "/"+endpoint+"/deliveries/redeliver", url.Values{"confirmed": {"yes"}}).is(http.StatusSeeOther)
	return path.Base(r.header.Get("Location"))
}
