package dispatcher_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// newDispatcher is a dispatcher as a test has it, and its manager: nothing is kept,
// and receivers may be on this machine.
func newDispatcher(cfg dispatcher.Config) (*dispatcher.Dispatcher, *manage.Manager) {
	cfg.HTTP = transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}
	d, err := dispatcher.New(memstore.New(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	return d, manage.New(d)
}

// subscribe creates an endpoint of tenant acme.
func subscribe(m *manage.Manager, ep webhook.Endpoint) webhook.Endpoint {
	ep.Tenant = "acme"
	ep, _, err := m.CreateEndpoint(context.Background(), ep)
	if err != nil {
		log.Fatal(err)
	}
	return ep
}

// printer is a receiver that prints the bodies it gets, and calls done after the nth.
func printer(n int64, done func()) *httptest.Server {
	var got atomic.Int64
	return httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(body))
		if got.Add(1) == n {
			done()
		}
	}))
}

// A process delivers until its context ends, and then finishes what is under way. In a
// service the context is that of signal.NotifyContext.
func ExampleDispatcher_Run() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{ // or sqlite.Open, postgres.New
		HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}, // in tests only
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	_, secret, err := manage.New(d).CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: srv.URL + "/hooks"})
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		fmt.Println("verified")
		stop()
	})))

	if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)}); err != nil {
		log.Fatal(err)
	}
	fmt.Println("drained:", d.Run(ctx))
	// Output:
	// verified
	// drained: <nil>
}

// A readiness probe: the store answers, and nothing has been due for long that no process
// has looked at.
func ExampleDispatcher_Health() {
	d, _ := newDispatcher(dispatcher.Config{})
	ready := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := d.Health(r.Context())
		if h.Store != nil || h.Lag > time.Minute { // how late webhooks may be is yours to say
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "ok")
	})

	answer := httptest.NewRecorder()
	ready.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
	fmt.Println(answer.Code, answer.Body)
	// Output: 200 ok
}
