package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// exchange follows one attempt through http.Transport. Dials run in goroutines
// of their own and may outlive the attempt, hence the mutex, and hence no
// pooling of exchanges.
type exchange struct {
	start time.Time
	to    guard.Destination
	tls   *TLS

	mu      sync.Mutex
	stage   stage
	remote  string
	timings webhook.Timings
	phase   time.Time // when TLS began, then when the connection was ready
	conn    net.Conn  // the connection in use, once there is one
	// wanted says that the receiver wanted a client certificate when the connection
	// was made for this attempt.
	wanted bool
}

// stage is how far an attempt has come. What fails at a stage tells its class.
type stage int

const (
	stageNone   stage = iota
	stageDial         // resolving and connecting
	stageProxy        // connecting to the proxy
	stageTLS          // shaking hands
	stageSend         // a connection is ready; the request is on its way
	stageAnswer       // the first byte of the response has come
)

type exchangeKey struct{}

// request returns req for http.Transport, traced by x.
func (x *exchange) request(ctx context.Context, req *Request, u *url.URL) *http.Request {
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              x.gotConn,
		GotFirstResponseByte: x.firstByte,
	})
	out := http.Request{
		Method:        req.Method,
		URL:           pooled(u, req.Scope, req.TLS),
		Host:          u.Host,
		Header:        req.Header,
		ContentLength: int64(len(req.Body)),
		// Exactly this type, or net/http sends the header in a packet of its
		// own. Not http.NoBody even if it is empty, which makes a request look
		// harmless to repeat.
		Body: io.NopCloser(bytes.NewReader(req.Body)),
	}
	if out.Method == "" {
		out.Method = http.MethodPost
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		out.Header = maps.Clone(req.Header)
		if out.Header == nil {
			out.Header = make(http.Header, 1)
		}
		out.Header["User-Agent"] = []string{userAgent}
	}
	if !idempotencyKey(req.Header) {
		out.GetBody = func() (io.ReadCloser, error) { return x.rewind(req.Body) }
	}
	return out.WithContext(ctx)
}

var errNotRepeated = errors.New("connection was lost after the request was sent")

// idempotencyKey reports whether net/http would take a request for one that may
// be repeated. It does so for these headers alone, even if the receiver has
// read the whole request and hung up; without GetBody it cannot.
func idempotencyKey(h http.Header) bool {
	_, a := h["Idempotency-Key"]
	_, b := h["X-Idempotency-Key"]
	return a || b
}

// rewind is asked for the body again when net/http wants to repeat a request
// on another connection. In HTTP/1 it does that only if not one byte was
// written: a kept connection turned out to be closed. In HTTP/2 it also does it
// after resets by the receiver that do not prove the request unseen
// (PROTOCOL_ERROR), and does not say which it was, so there it is refused.
func (x *exchange) rewind(body []byte) (io.ReadCloser, error) {
	x.mu.Lock()
	conn, ok := x.conn.(*tls.Conn)
	x.mu.Unlock()
	if ok && conn.ConnectionState().NegotiatedProtocol == "h2" {
		return nil, errNotRepeated
	}
	return io.NopCloser(bytes.NewReader(body)), nil
}

// dial runs connect and records how long DNS and connecting took.
func (x *exchange) dial(ctx context.Context, connect func(context.Context) (net.Conn, error)) (net.Conn, error) {
	x.mu.Lock()
	x.stage = max(x.stage, stageDial)
	x.mu.Unlock()
	start := time.Now()
	var dns time.Duration
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(httptrace.DNSDoneInfo) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.stage == stageDial { // the name of a proxy is none of the attempt's
				dns = time.Since(start)
			}
		},
	})
	conn, err := connect(ctx)

	x.mu.Lock()
	defer x.mu.Unlock()
	took := time.Since(start) - dns
	if x.stage == stageDial || x.stage == stageProxy {
		x.timings.DNS = dns
		x.timings.Connect = took
		if conn != nil {
			x.remote = conn.RemoteAddr().String()
		}
	}
	return conn, err
}

// atProxy says that the exchange is connecting to the proxy, or no longer.
func (x *exchange) atProxy(yes bool) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if yes && x.stage == stageDial {
		x.stage = stageProxy
	} else if !yes && x.stage == stageProxy {
		x.stage = stageDial
	}
}

func (x *exchange) tlsStart() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stage == stageDial {
		x.stage = stageTLS
		x.phase = time.Now()
	}
}

func (x *exchange) clientWanted() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wanted = true
}

func (x *exchange) tlsDone() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stage == stageTLS {
		x.timings.TLS = time.Since(x.phase)
	}
}

// gotConn begins the sending. A connection that was not made for this attempt
// cost it nothing, even if one is still being made in the background.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	remote := info.Conn.RemoteAddr().String()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stage = stageSend
	x.phase = time.Now()
	x.conn = info.Conn
	x.remote = remote
	if info.Reused {
		x.timings, x.wanted = webhook.Timings{}, false
	}
}

func (x *exchange) firstByte() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stage == stageSend {
		x.stage = stageAnswer
		x.timings.FirstByte = time.Since(x.phase)
	}
}

// finish returns the remote address and the timings, the total included.
func (x *exchange) finish() (string, webhook.Timings) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timings.Total = time.Since(x.start)
	return x.remote, x.timings
}

// fail returns the error of an attempt that ends here.
func (x *exchange) fail(class webhook.ErrorClass, err error) *Error {
	e := &Error{Class: class, Err: err}
	e.RemoteAddr, e.Timings = x.finish()
	return e
}
