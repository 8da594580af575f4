package console

import (
	"context"
	"errors"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/mount"
)

// console is the handler. Its methods that make a page are in the page's file.
type console struct {
	m           *manage.Manager
	cfg         Config
	router      *chi.Mux
	assets      *assets
	pages       pages
	policy      string
	crossOrigin *http.CrossOriginProtection
	entrance    *http.CrossOriginProtection // that of the portal
	streams     deliverylog.Streams
}

// policy is the Content-Security-Policy: only what this console serves itself, nothing
// inline, and no frame but those of the given ancestors.
func policy(ancestors []string) string {
	frames := "'none'"
	if len(ancestors) > 0 {
		frames = strings.Join(ancestors, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + frames
}

// ServeHTTP answers a request whose path is below wherever the console is mounted.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", c.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if len(c.cfg.FrameAncestors) == 0 {
		h.Set("X-Frame-Options", "DENY")
	}
	out := &response{ResponseWriter: w}
	given := originalPath(r)
	r = mount.Below(r)
	if rest := r.URL.Path; rest == "" || rest == "/" {
		if !strings.HasSuffix(given, "/") { // the bare mount: links would lead above it
			redirect(out, "./"+path.Base(given)+"/", http.StatusMovedPermanently)
			return
		}
	}
	if !strings.HasPrefix(r.URL.Path, "/") { // the host has stripped the slash as well
		u := *r.URL
		u.Path, u.RawPath = "/"+u.Path, ""
		r.URL = &u
	}
	root := rootOf(r)
	defer c.recover(out, r, root)
	r = r.WithContext(context.WithValue(r.Context(), rootKey{}, root))
	c.router.ServeHTTP(out, r)
}

// originalPath returns the path that the client has asked for.
func originalPath(r *http.Request) string {
	if p, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(p, "/") {
		return p
	}
	return r.URL.Path
}

type rootKey struct{}

// rootOf returns the relative URL of the mount, as seen from the page that is asked for:
// "./", or "../" for each segment but the last.
func rootOf(r *http.Request) string {
	if up := strings.Count(r.URL.EscapedPath(), "/") - 1; up > 0 {
		return strings.Repeat("../", up)
	}
	return "./"
}

// root returns what rootOf found for a request.
func root(ctx context.Context) string {
	s, _ := ctx.Value(rootKey{}).(string)
	return s
}

// redirect answers with a relative Location. http.Redirect would make it absolute, below a
// prefix that it does not know.
func redirect(w http.ResponseWriter, location string, status int) {
	w.Header().Set("Location", location)
	w.WriteHeader(status)
}

// recover answers a request whose handler panicked, and keeps the process alive.
func (c *console) recover(w *response, r *http.Request, root string) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	c.cfg.Logger.Error("a handler of the console panicked", zap.Any("panic", v), zap.ByteString("stack", debug.Stack()))
	if !w.began {
		r = r.WithContext(context.WithValue(r.Context(), rootKey{}, root))
		c.fail(w, r, &trouble{status: http.StatusInternalServerError})
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
