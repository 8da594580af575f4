package console_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/html"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// world is a console over a store in memory, for tests in a synctest bubble. Receivers are
// a function, and who asks is in the header Authorization: "ROLE TENANT".
type world struct {
	t      *testing.T
	d      *dispatcher.Dispatcher
	m      *manage.Manager
	ui     http.Handler
	answer transport.TransportFunc
}

func newWorld(t *testing.T, change ...func(*dispatcher.Config, *console.Config)) *world {
	t.Helper()
	w := &world{t: t, answer: func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: 200, Body: []byte(`{"ok":true}`)}, nil
	}}
	cfg := dispatcher.Config{AllowPlaintextSecrets: true, Logger: zap.NewNop(), Transport: transport.TransportFunc(func(ctx context.Context, r *transport.Request) (*transport.Response, error) {
		return w.answer(ctx, r)
	})}
	ui := console.Config{Authenticate: authenticate, AllowViewer: true}
	for _, f := range change {
		f(&cfg, &ui)
	}
	d, err := dispatcher.New(memstore.New(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.d, w.m = d, manage.New(d)
	if w.ui, err = console.New(w.m, ui); err != nil {
		t.Fatal(err)
	}
	return w
}

var errNobody = errors.New("no credentials")

func authenticate(r *http.Request) (webhook.Principal, error) {
	words := strings.Fields(r.Header.Get("Authorization"))
	switch {
	case len(words) < 2:
		return webhook.Principal{}, errNobody
	case words[0] == "down":
		return webhook.Principal{}, store.ErrUnavailable
	case words[0] == "stranger":
		return webhook.Principal{}, webhook.ErrForbidden
	}
	return webhook.Principal{Role: webhook.Role(words[0]), Tenant: words[1], Actor: words[0] + "@" + words[1], Scopes: words[2:]}, nil
}

const asAdmin = "admin " + acme

// reply is an answer of the console.
type reply struct {
	t      *testing.T
	call   string
	status int
	header http.Header
	body   string
}

// send makes a request to a handler.
func send(t *testing.T, h http.Handler, as, method, path string, form url.Values, extra ...string) reply {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	if as != "" {
		r.Header.Set("Authorization", as)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(extra); i += 2 {
		r.Header.Set(extra[i], extra[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	body, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{t, method + " " + path, rec.Code, rec.Header(), string(body)}
}

func (w *world) get(as, path string, extra ...string) reply {
	w.t.Helper()
	return send(w.t, w.ui, as, http.MethodGet, path, nil, extra...)
}

func (w *world) post(as, path string, form url.Values, extra ...string) reply {
	w.t.Helper()
	return send(w.t, w.ui, as, http.MethodPost, path, form, extra...)
}

// is ends the test unless the answer has a status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s = %d; want %d. The page:\n%.1500s", r.call, r.status, status, text(r.parse()))
	}
	return r
}

// says ends the test unless the text of the page has all of the parts.
func (r reply) says(parts ...string) reply {
	r.t.Helper()
	page := text(r.parse())
	for _, part := range parts {
		if !strings.Contains(page, part) {
			r.t.Fatalf("%s does not say %q. The page:\n%.3000s", r.call, part, page)
		}
	}
	return r
}

// to ends the test unless the answer redirects to a relative URL.
func (r reply) to(location string) reply {
	r.t.Helper()
	r.is(http.StatusSeeOther)
	if got := r.header.Get("Location"); got != location {
		r.t.Fatalf("%s redirects to %q; want %q", r.call, got, location)
	}
	return r
}

func (r reply) parse() *html.Node {
	r.t.Helper()
	doc, err := html.Parse(strings.NewReader(r.body))
	if err != nil {
		r.t.Fatalf("%s: %v", r.call, err)
	}
	return doc
}

// text returns what people read, words separated by single spaces.
func text(doc *html.Node) string {
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func (w *world) create(ep webhook.Endpoint) webhook.Endpoint {
	w.t.Helper()
	ep.Tenant = acme
	ep, _, err := w.m.CreateEndpoint(w.t.Context(), ep)
	if err != nil {
		w.t.Fatal(err)
	}
	return ep
}

func (w *world) publish(ev webhook.Event) string {
	w.t.Helper()
	ev.Tenant = acme
	receipt, err := w.d.Publish(w.t.Context(), ev)
	if err != nil {
		w.t.Fatal(err)
	}
	return receipt.EventID
}

// run delivers for a while, and returns once nothing is under way.
func (w *world) run(while time.Duration) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- w.d.Run(ctx) }()
	time.Sleep(while) // virtual
	synctest.Wait()
	stop()
	if err := <-ran; err != nil {
		w.t.Errorf("Run = %v; want nil", err)
	}
}

// deliveries returns those of a webhook.
func (w *world) deliveries(endpoint string) []webhook.Delivery {
	w.t.Helper()
	list, err := w.m.Deliveries(w.t.Context(), acme, store.DeliveryFilter{Endpoint: endpoint}, store.Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// statusCode answers with a status.
func statusCode(code int) transport.TransportFunc {
	return func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: code}, nil
	}
}

// logo is a folder with a picture.
func logo(name string) fstest.MapFS {
	return fstest.MapFS{name: {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}}
}
