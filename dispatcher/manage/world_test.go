package manage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const (
	acme   = "acme"
	globex = "globex"
)

// world is a manager and its dispatcher over a store in memory, with a receiver
// that is a function.
type world struct {
	t     *testing.T
	store *faultyStore
	d     *dispatcher.Dispatcher
	*manage.Manager
	logs *strings.Builder

	mu       sync.Mutex
	requests []*transport.Request
	answer   transport.TransportFunc
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, dispatcher.Config{ExternalSigner: func(_ context.Context, _, reference string) (signer.Signer, error) {
		if reference != ownKey {
			return nil, signer.ErrNoKey
		}
		return signer.NewSecret()
	}})
}

// ownKey is the reference of a key that stays outside, which all tenants may use.
const ownKey = "own-key"

// newWorldWith is newWorld with more of a configuration.
func newWorldWith(t *testing.T, cfg dispatcher.Config) *world {
	t.Helper()
	return newProcess(t, &faultyStore{Store: memstore.New()}, cfg)
}

// newProcess is newWorldWith over a store that others may use too.
func newProcess(t *testing.T, st *faultyStore, cfg dispatcher.Config) *world {
	t.Helper()
	w := &world{t: t, store: st, logs: new(strings.Builder), answer: status(200)}
	cfg.Transport = transport.TransportFunc(w.send)
	cfg.Logger = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "m"}), zapcore.Lock(zapcore.AddSync(w.logs)), zap.DebugLevel))
	cfg.AllowPlaintextSecrets = true
	cfg.AuthSchemes = map[string]auth.Scheme{"house": auth.SchemeFunc(nil)}
	d, err := dispatcher.New(w.store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.d, w.Manager = d, manage.New(d)
	return w
}

func (w *world) send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	w.mu.Lock()
	w.requests = append(w.requests, req)
	answer := w.answer
	w.mu.Unlock()
	return answer(ctx, req)
}

func (w *world) answers(f transport.TransportFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// last returns the request that arrived last.
func (w *world) last() *transport.Request {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) == 0 {
		w.t.Fatal("nothing was sent")
	}
	return w.requests[len(w.requests)-1]
}

func status(code int) transport.TransportFunc {
	return func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: code}, nil
	}
}

// hang never answers.
func hang(ctx context.Context, _ *transport.Request) (*transport.Response, error) {
	<-ctx.Done()
	class := webhook.ClassTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		class = webhook.ClassCanceled
	}
	return nil, &transport.Error{Class: class, Err: ctx.Err()}
}

// run delivers until the function that it returns is called. It is for tests in
// a synctest bubble.
func (w *world) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.d.Run(ctx) }()
	synctest.Wait()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run = %v; want nil", err)
		}
	}
}

// publish publishes an event of acme's, lets the engine come to rest, and returns
// the event's one delivery.
func (w *world) publish() webhook.Delivery {
	w.t.Helper()
	ev, err := webhook.NewEvent(acme, "invoice.paid", map[string]int{"total": 4200})
	w.must(err, "NewEvent")
	receipt, err := w.d.Publish(w.t.Context(), ev)
	w.must(err, "Publish")
	synctest.Wait()
	list, err := w.Deliveries(w.t.Context(), acme, store.DeliveryFilter{Event: receipt.EventID}, store.Page{})
	w.must(err, "Deliveries")
	if len(list) != 1 {
		w.t.Fatalf("deliveries of an event = %d; want 1", len(list))
	}
	return list[0]
}

func (w *world) must(err error, call string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", call, err)
	}
}

// endpoint creates acme's endpoint for a test that is about something else.
func (w *world) endpoint() webhook.Endpoint {
	w.t.Helper()
	ep, _, err := w.CreateEndpoint(w.t.Context(), newEndpoint())
	w.must(err, "CreateEndpoint")
	return ep
}

func newEndpoint() webhook.Endpoint {
	return webhook.Endpoint{Tenant: acme, URL: "https://acme.example/hooks"}
}

// stored returns how many endpoints there are, of any tenant, deleted or not.
func (w *world) stored() int {
	w.t.Helper()
	eps, _, err := w.store.ChangedEndpoints(w.t.Context(), 0, store.MaxPage)
	w.must(err, "ChangedEndpoints")
	return len(eps)
}

func (w *world) record(id string) store.EndpointRecord {
	w.t.Helper()
	rec, err := w.store.Endpoint(w.t.Context(), acme, id)
	w.must(err, "store.Endpoint")
	return rec
}

// wantFields fails unless err is an *InvalidError with these "field code" pairs,
// in order, and none of its texts is too long or repeats a part of the input.
func wantFields(t *testing.T, call string, err error, want ...string) {
	t.Helper()
	inv, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok {
		t.Errorf("%s: error %v; want an *InvalidError with %q", call, err, want)
		return
	}
	var got []string
	for _, f := range inv.Fields {
		got = append(got, f.Field+" "+f.Code)
		if f.Message == "" || len(f.Message) > 200 {
			t.Errorf("%s: message of %s is %q; want 1 to 200 bytes", call, f.Field, f.Message)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: fields at fault = %q; want %q", call, got, want)
	}
}
