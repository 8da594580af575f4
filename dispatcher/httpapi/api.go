package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/mount"
)

// api is the handler. Its methods that answer requests are beside what they are about.
type api struct {
	m        *manage.Manager
	d        *dispatcher.Dispatcher
	cfg      Config
	router   *chi.Mux
	failures *failures
	streams  deliverylog.Streams
	document []byte
}

// build makes the routes, and the document that describes them.
func (a *api) build() error {
	a.router.NotFound(func(w http.ResponseWriter, _ *http.Request) { errNotFound.write(w) })
	a.router.MethodNotAllowed(a.methodNotAllowed)
	h := a.newHuma()
	a.routes(h)
	document, err := documentOf(h)
	if err != nil {
		return fmt.Errorf("httpapi: describe the API: %w", err)
	}
	a.document = document
	a.router.Get("/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = bytes.NewReader(a.document).WriteTo(w)
	})
	return nil
}

// ServeHTTP answers a request whose path is below wherever the API is mounted.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &response{ResponseWriter: w}
	defer a.recover(out)
	out.Header().Set("X-Content-Type-Options", "nosniff")
	a.router.ServeHTTP(out, mount.Below(r))
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (a *api) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := slices.DeleteFunc(slices.Clone(methods), func(method string) bool {
		return !a.router.Match(chi.NewRouteContext(), method, r.URL.Path)
	})
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	newProblem(http.StatusMethodNotAllowed, codeMethod, "This method is not allowed here.").write(w)
}

// recover answers a request whose handler panicked, and keeps the process alive.
func (a *api) recover(w *response) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this too
		panic(v)
	}
	a.cfg.Logger.Error("a handler of the API panicked", zap.Any("panic", v), zap.ByteString("stack", debug.Stack()))
	if !w.began {
		newProblem(http.StatusInternalServerError, codeInternal, "Something went wrong here.").write(w)
	}
}

// response knows whether an answer has begun.
type response struct {
	http.ResponseWriter
	began bool
}

func (w *response) WriteHeader(status int) {
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.began = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// parameterName returns the name in huma's location of a parameter, "query.limit".
func parameterName(location string) string {
	_, name, ok := strings.Cut(location, ".")
	if !ok {
		return "query"
	}
	return name
}

// sentence makes one of huma's messages a sentence.
func sentence(message string) string {
	r, n := utf8.DecodeRuneInString(message)
	return strings.ToUpper(string(r)) + message[n:] + "."
}
