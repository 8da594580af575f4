package routers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/examples/routers"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// places are where the two requirement documents have the pages and the API.
var places = []struct{ pages, api string }{
	{"/settings/webhooks", "/api/v1/platform"},
	{"/webhook", ""},
}

// requirement is a path that the requirements name, with what is answered there: {id} is
// a webhook's, {delivery} one of its deliveries.
type requirement struct {
	method, path, body string
	status             int
	// says are parts of the answer.
	says []string
}

// requiredAPI is what they name of the API, in an order that can be walked, and what makes
// it possible: an event. The last one takes the webhook away.
var requiredAPI = []requirement{
	{"POST", "/webhooks", `{"url":"https://acme.example/hooks","description":"Ledger"}`, 201, []string{`"secret":"whsec_`}},
	{"GET", "/webhooks", "", 200, []string{`"id":"{id}"`, `"description":"Ledger"`}},
	{"GET", "/webhooks/{id}", "", 200, []string{`"id":"{id}"`, `"url":"https://acme.example/hooks"`}},
	{"PUT", "/webhooks/{id}", `{"url":"https://acme.example/new","description":"Billing","event_types":["invoice.paid"]}`, 200, []string{`"url":"https://acme.example/new"`, `"event_types":["invoice.paid"]`}},
	{"POST", "/webhooks/{id}/subscribe", `{"event_types":["invoice.sent"]}`, 200, []string{`"event_types":["invoice.paid","invoice.sent"]`}},
	{"DELETE", "/webhooks/{id}/unsubscribe", `{"event_types":["invoice.sent"]}`, 200, []string{`"event_types":["invoice.paid"]`}},
	{"POST", "/webhooks/{id}/test", "", 200, []string{`"delivered":true`, `"status_code":200`, `"response_body":"thank you"`}},
	{"GET", "/webhooks/events", "", 200, []string{`"name":"invoice.paid"`, `An invoice was paid.`}},
	{"POST", "/events", `{"type":"invoice.paid","data":{"n":7}}`, 202, []string{`"deliveries":1`}},
	{"GET", "/webhooks/{id}/events", "", 200, []string{`"id":"evt_`, `"type":"invoice.paid"`}},
	{"GET", "/webhooks/{id}/deliveries", "", 200, []string{`"id":"{delivery}"`, `"status":"delivered"`}},
	{"GET", "/webhooks/deliveries/{delivery}", "", 200, []string{`"id":"{delivery}"`, `"webhook_id":"{id}"`, `"response_body":"thank you"`}},
	{"POST", "/webhooks/deliveries/{delivery}/retry", "", 202, []string{`"id":"{delivery}"`}},
	{"GET", "/webhooks/analytics", "", 200, []string{`"delivered":2`}},
}

// requiredPages is what they name of pages, of either document.
var requiredPages = []requirement{
	{"GET", "", "", 200, []string{"<h1>Webhooks</h1>", "Billing"}},
	{"GET", "/manage", "", 200, []string{"<h1>Webhooks</h1>", "Billing"}},
	{"GET", "/create", "", 200, []string{"Where should we send events?"}},
	{"GET", "/{id}", "", 200, []string{"https://acme.example/new", "Billing", "{delivery}"}},
	{"GET", "/{id}/edit", "", 200, []string{"<h1>Edit webhook</h1>", "https://acme.example/new"}},
	{"GET", "/{id}/test", "", 200, []string{"<h1>Test</h1>", "https://acme.example/new"}},
	{"GET", "/{id}/deliveries", "", 200, []string{"<h1>Deliveries</h1>", "{delivery}"}},
	{"GET", "/events", "", 200, []string{"<h1>Event reference</h1>", "An invoice was paid."}},
	{"GET", "/analytics", "", 200, []string{"<h1>Analytics</h1>"}},
	{"GET", "/testing", "", 200, []string{"<h1>Testing</h1>", "https://acme.example/new"}},
}

// TestRequirements walks every path that the requirements name, of the pages and of the API,
// at both places where they have them and in each router.
func TestRequirements(t *testing.T) {
	t.Parallel()
	for name, router := range map[string]func(string, http.Handler) http.Handler{
		"ServeMux": routers.ServeMux, "chi": routers.Chi, "gin": routers.Gin,
	} {
		for _, place := range places {
			t.Run(name+place.pages, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newHost(t, router, place.pages, place.api)
					for _, r := range requiredAPI {
						w.meets(place.api, r)
						w.deliver()
					}
					for _, r := range requiredPages {
						w.meets(place.pages, r)
					}
					w.meets(place.api, requirement{"DELETE", "/webhooks/{id}", "", 204, nil})
					w.meets(place.api, requirement{"GET", "/webhooks/{id}", "", 404, []string{`"code":"not_found"`}})
					if got := w.sent.Load(); got != 3 {
						t.Errorf("the receiver got %d requests; want 3: a test, a delivery, and that again", got)
					}
				})
			})
		}
	}
}

// host is an application that has mounted everything.
type host struct {
	t       *testing.T
	d       *dispatcher.Dispatcher
	handler http.Handler
	sent    atomic.Int64
	// known are the ids that the paths name.
	known map[string]string
}

func newHost(t *testing.T, router func(string, http.Handler) http.Handler, pages, apiPrefix string) *host {
	t.Helper()
	w := &host{t: t, known: make(map[string]string)}
	receiver := transport.TransportFunc(func(context.Context, *transport.Request) (*transport.Response, error) {
		w.sent.Add(1)
		return &transport.Response{StatusCode: 200, Body: []byte("thank you")}, nil
	})
	var err error
	if w.d, err = dispatcher.New(memstore.New(), dispatcher.Config{
		AllowPlaintextSecrets: true, Transport: receiver,
		EventTypes: []webhook.EventType{{Name: "invoice.paid", Description: "An invoice was paid."}},
	}); err != nil {
		t.Fatal(err)
	}
	m := manage.New(w.d)
	api, err := httpapi.New(m, httpapi.Config{Authenticate: everybody})
	if err != nil {
		t.Fatal(err)
	}
	ui, err := console.New(m, console.Config{Authenticate: everybody})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mounted := router(pages, ui)
	mux.Handle(pages, mounted)
	mux.Handle(pages+"/", mounted)
	if apiPrefix == "" {
		mux.Handle("/", api)
	} else {
		mux.Handle(apiPrefix+"/", router(apiPrefix, api))
	}
	w.handler = mux
	return w
}

// deliver lets the dispatcher send what is due.
func (w *host) deliver() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.d.Run(ctx) }()
	time.Sleep(time.Second) // virtual
	synctest.Wait()
	stop()
	if err := <-ran; err != nil {
		w.t.Errorf("Run = %v; want nil", err)
	}
}

// meets makes a request, as a browser does that follows redirects, and compares the answer.
func (w *host) meets(prefix string, want requirement) {
	w.t.Helper()
	at := &url.URL{Path: prefix + w.with(want.path)}
	status, header, answer := w.ask(want.method, at.Path, want.body)
	for range 2 {
		if status/100 != 3 {
			break
		}
		next, err := at.Parse(header.Get("Location"))
		if err != nil {
			w.t.Fatal(err)
		}
		at = next
		status, header, answer = w.ask(want.method, at.Path, want.body)
	}
	if status != want.status {
		w.t.Fatalf("%s %s = %d; want %d\n%.500s", want.method, at.Path, status, want.status, answer)
	}
	for what, id := range map[string]*regexp.Regexp{"{id}": endpointID, "{delivery}": deliveryID} {
		if found := id.FindString(answer); w.known[what] == "" {
			w.known[what] = found
		}
	}
	for _, part := range want.says {
		if part = w.with(part); !strings.Contains(answer, part) {
			w.t.Errorf("%s %s does not say %s:\n%.3000s", want.method, at.Path, part, answer)
		}
	}
}

var (
	endpointID = regexp.MustCompile(`\bep_[0-9A-Z]{26}\b`)
	deliveryID = regexp.MustCompile(`\bdlv_[0-9A-Z]{26}\b`)
)

// with puts the ids in that are known.
func (w *host) with(text string) string {
	for name, id := range w.known {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

func (w *host) ask(method, path, body string) (status int, header http.Header, answer string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Code, rec.Header(), rec.Body.String()
}
