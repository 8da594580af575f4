package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const (
	acme   = "acme"
	globex = "globex"
)

// world is an API over a store in memory. Who asks is in the header Authorization:
// "ROLE TENANT SCOPE…". Receivers are a function.
type world struct {
	t    *testing.T
	d    *dispatcher.Dispatcher
	m    *manage.Manager
	api  http.Handler
	cfg  httpapi.Config
	logs *strings.Builder

	// answers are those to requests that were documented, by method and path.
	answers map[string]any

	mu       sync.Mutex
	requests []*transport.Request
	answer   transport.TransportFunc
}

func newWorld(t *testing.T, change ...func(*dispatcher.Config, *httpapi.Config)) *world {
	t.Helper()
	w := &world{t: t, logs: new(strings.Builder)}
	w.answer = func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: 200}, nil
	}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "m"}), zapcore.Lock(zapcore.AddSync(w.logs)), zap.WarnLevel))
	cfg := dispatcher.Config{AllowPlaintextSecrets: true, Logger: logger, Transport: transport.TransportFunc(w.send)}
	api := httpapi.Config{Authenticate: authenticate}
	for _, f := range change {
		f(&cfg, &api)
	}
	d, err := dispatcher.New(memstore.New(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.d, w.m, w.cfg = d, manage.New(d), api
	w.forget()
	return w
}

func (w *world) send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	w.mu.Lock()
	w.requests = append(w.requests, req)
	answer := w.answer
	w.mu.Unlock()
	return answer(ctx, req)
}

var errNobody = errors.New("no credentials")

func authenticate(r *http.Request) (webhook.Principal, error) {
	words := strings.Fields(r.Header.Get("Authorization"))
	if len(words) < 2 {
		return webhook.Principal{}, errNobody
	}
	return webhook.Principal{Role: webhook.Role(words[0]), Tenant: words[1], Actor: words[0] + "@" + words[1], Scopes: words[2:]}, nil
}

const asAdmin = "admin " + acme + " publish event-types"

// reply is an answer of the API.
type reply struct {
	t      *testing.T
	call   string
	status int
	header http.Header
	body   string
}

// call makes a request; extra are names and values of headers.
func (w *world) call(as, method, path, body string, extra ...string) reply {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", as)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(extra); i += 2 {
		r.Header.Set(extra[i], extra[i+1])
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	answer, err := io.ReadAll(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{w.t, method + " " + path, rec.Code, rec.Header(), string(answer)}
}

// is ends the test unless the answer has a status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s = %d %.400s; want %d", r.call, r.status, r.body, status)
	}
	return r
}

// problem ends the test unless the answer is a problem with a status and a code, and
// returns its detail.
func (r reply) problem(status int, code string) string {
	r.t.Helper()
	r.is(status)
	if got := r.get("code"); got != code || r.header.Get("Content-Type") != "application/problem+json" {
		r.t.Fatalf("%s = %s of type %q; want a problem with code %s", r.call, r.body, r.header.Get("Content-Type"), code)
	}
	detail, _ := r.get("detail").(string)
	if detail == "" || len(detail) > 200 {
		r.t.Errorf("%s says %q; want a sentence of at most 200 bytes", r.call, detail)
	}
	return detail
}

// object returns the answer as JSON.
func (r reply) object() map[string]any {
	r.t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		r.t.Fatalf("%s = %d %.200s: %v", r.call, r.status, r.body, err)
	}
	return v
}

// get returns a field of the answer, by its path with dots.
func (r reply) get(path string) any {
	r.t.Helper()
	var v any = r.object()
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			r.t.Fatalf("%s has no %s: %s", r.call, path, r.body)
		}
		v = m[name]
	}
	return v
}

func (r reply) text(path string) string {
	r.t.Helper()
	s, _ := r.get(path).(string)
	return s
}

// forget makes a new handler, which has not seen anybody refused.
func (w *world) forget() {
	w.t.Helper()
	api, err := httpapi.New(w.m, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.api = api
}

// create creates a webhook of acme's and returns its id.
func (w *world) create(body string) string {
	w.t.Helper()
	return w.call(asAdmin, "POST", "/webhooks", body).is(201).text("id")
}

// publish publishes an event of acme's and returns its delivery's id.
func (w *world) publish(body string) (event, delivery string) {
	w.t.Helper()
	event = w.call(asAdmin, "POST", "/events", body).is(202).text("id")
	list := w.call(asAdmin, "GET", "/webhooks/deliveries?event_id="+event, "").is(200).get("data").([]any)
	if len(list) > 0 {
		delivery, _ = list[0].(map[string]any)["id"].(string)
	}
	return event, delivery
}
