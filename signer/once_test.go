package signer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// onceReceiver is a receiver with a Deduplicator, whose handler does what the
// test says.
type onceReceiver struct {
	t       *testing.T
	secret  signer.Secret
	handler http.Handler
	handle  http.HandlerFunc
	calls   int
	told    error
}

func newOnceReceiver(t *testing.T, d signer.Deduplicator) *onceReceiver {
	t.Helper()
	r := &onceReceiver{t: t, secret: newSecret(t)}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{
		Secrets: []signer.Secret{r.secret}, Duplicates: d, OnReject: func(_ *http.Request, err error) { r.told = err },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.handler = v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		r.calls++
		r.handle(w, rq)
	}))
	return r
}

// deliver sends the webhook evt_1 and returns the answer.
func (r *onceReceiver) deliver(ctx context.Context) *httptest.ResponseRecorder {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, delivery(r.t, r.secret, time.Now(), []byte("{}")).WithContext(ctx))
	return w
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestMiddlewareHandlesOnce(t *testing.T) {
	for name, success := range map[string]http.HandlerFunc{
		"202":     status(http.StatusAccepted),
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"text":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) },
		"early hints, then 200": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusOK)
		},
		"and the sender hung up": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newOnceReceiver(t, newMemory(t, signer.MemoryConfig{}))
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			r.handle = func(w http.ResponseWriter, rq *http.Request) {
				hangUp()
				success(w, rq)
			}
			r.deliver(ctx)
			if w := r.deliver(t.Context()); w.Code != http.StatusOK || w.Body.Len() != 0 || r.calls != 1 || r.told != nil {
				t.Errorf("repetition was answered %d %q, handler called %d times, OnReject told %v; want 200, no call, nothing told",
					w.Code, w.Body, r.calls, r.told)
			}
		})
	}
}

func TestMiddlewareLetsRetriesThrough(t *testing.T) {
	for name, failure := range map[string]http.HandlerFunc{
		"500": status(http.StatusInternalServerError), "400": status(http.StatusBadRequest), "302": status(http.StatusFound),
		"500 after 103": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusInternalServerError)
		},
		"panic": func(http.ResponseWriter, *http.Request) { panic("boom") },
		"panic after 200": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newOnceReceiver(t, newMemory(t, signer.MemoryConfig{}))
			r.handle = failure
			func() {
				defer func() { _ = recover() }()
				r.deliver(t.Context())
			}()
			r.handle = status(http.StatusNoContent)
			if w := r.deliver(t.Context()); w.Code != http.StatusNoContent || r.calls != 2 {
				t.Errorf("retry after a failure was answered %d, handler called %d times; want 204, twice: the event would be lost", w.Code, r.calls)
			}
		})
	}
}

func TestMiddlewareWhileBusy(t *testing.T) {
	r := newOnceReceiver(t, newMemory(t, signer.MemoryConfig{}))
	r.handle = func(w http.ResponseWriter, _ *http.Request) {
		if r.calls == 1 { // the same webhook comes while it is being handled
			if w := r.deliver(t.Context()); w.Code != http.StatusConflict || !errors.Is(r.told, signer.ErrBusy) {
				t.Errorf("delivery while it is being handled = %d, OnReject told %v; want 409, ErrBusy: the first may yet fail", w.Code, r.told)
			}
		}
		w.WriteHeader(http.StatusTeapot)
	}
	if w := r.deliver(t.Context()); w.Code != http.StatusTeapot || r.calls != 1 {
		t.Errorf("answer = %d after %d calls; want the handler's after one", w.Code, r.calls)
	}
}

// forgetful is a Deduplicator that fails in one of its methods.
type forgetful struct{ claim, finish, release error }

func (f forgetful) Claim(_ context.Context, key string) (signer.Claim, error) {
	return signer.Claim{Key: key, State: signer.ClaimFresh}, f.claim
}
func (f forgetful) Finish(context.Context, signer.Claim) error  { return f.finish }
func (f forgetful) Release(context.Context, signer.Claim) error { return f.release }

func TestMiddlewareWhenDuplicatesCannotBeTold(t *testing.T) {
	down := errors.New("database is down")
	for name, tt := range map[string]struct {
		d      forgetful
		answer int // the handler's
		want   int
		calls  int
	}{
		"claim":   {forgetful{claim: down}, 200, 503, 0},
		"finish":  {forgetful{finish: down}, 200, 200, 1},
		"release": {forgetful{release: down}, 500, 500, 1},
	} {
		r := newOnceReceiver(t, tt.d)
		r.handle = status(tt.answer)
		if w := r.deliver(t.Context()); w.Code != tt.want || r.calls != tt.calls {
			t.Errorf("%s fails: answer %d after %d calls; want %d after %d", name, w.Code, r.calls, tt.want, tt.calls)
		}
		if !errors.Is(r.told, signer.ErrDeduplicator) || !errors.Is(r.told, down) {
			t.Errorf("%s fails: OnReject was told %v; want ErrDeduplicator and the cause", name, r.told)
		}
	}
}

// What the server's ResponseWriter can do stays within reach.
func TestMiddlewareKeepsTheResponseController(t *testing.T) {
	r := newOnceReceiver(t, newMemory(t, signer.MemoryConfig{}))
	r.handle = func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
	}
	if w := r.deliver(t.Context()); !w.Flushed {
		t.Error("the answer was not flushed")
	}
}
