package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

const (
	connectTimeout = 5 * time.Second
	tlsTimeout     = 5 * time.Second
	// An endpoint has at most 64 deliveries in flight by default; each keeps
	// its connection.
	maxIdlePerHost = 64
	maxIdle        = 1024
	idleTimeout    = 90 * time.Second
	tlsSessions    = 512
	userAgent      = "Postrider"
)

// HTTPConfig configures an HTTP transport. The zero value is safe: https to
// public addresses, certificates of the system's roots.
type HTTPConfig struct {
	// Guard says where deliveries may go.
	// Defaults to https and public addresses only.
	Guard guard.Config
	// RootCAs are the authorities that receivers' certificates must chain to.
	// To add one's own, start from x509.SystemCertPool.
	// Defaults to the system's.
	RootCAs *x509.CertPool
	// Resolver looks names up.
	// Defaults to net.DefaultResolver.
	Resolver *net.Resolver
	// Proxy is the egress proxy through which all connections are made, by
	// CONNECT: http or https, with user and password if it wants them. It is
	// asked for addresses that were resolved here and have passed the guard. The
	// proxies that the environment names are ignored.
	// Defaults to none.
	Proxy *url.URL
	// ProxyTrusted leaves it to Proxy to resolve names and to keep deliveries out
	// of your networks, for where only the proxy can resolve: it must then refuse
	// every address that package guard denies, with status 403, also if a public
	// name resolves to it. Literal addresses are still judged here, and names
	// are still resolved here where lists of ranges apply to them.
	// Defaults to false.
	ProxyTrusted bool
}

// HTTP is the Transport that speaks HTTP/1.1 and HTTP/2. Connections are shared
// by all deliveries to a host that the same lists narrow, and kept for 90 seconds,
// 64 per host and 1,024 in all. Create it with NewHTTP.
type HTTP struct {
	guard  *guard.Guard
	dialer net.Dialer
	// control makes the dialler's last question; it is guard.Control.
	control func(guard.Destination) func(context.Context, string, string, syscall.RawConn) error
	proxy   *proxy // or nil
	tls     *tls.Config
	rt      *http.Transport
}

var _ Transport = (*HTTP)(nil)

// NewHTTP returns an HTTP transport, or the error of guard.New, or one about the
// proxy's URL.
func NewHTTP(cfg HTTPConfig) (*HTTP, error) {
	g, err := guard.New(cfg.Guard)
	if err != nil {
		return nil, err
	}
	h := &HTTP{guard: g, control: g.Control}
	if h.proxy, err = newProxy(cfg); err != nil {
		return nil, err
	}
	h.dialer = net.Dialer{Timeout: connectTimeout, Resolver: cfg.Resolver}
	h.tls = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            cfg.RootCAs,
		ClientSessionCache: tls.NewLRUClientSessionCache(tlsSessions),
		NextProtos:         []string{"h2", "http/1.1"},
	}
	h.rt = &http.Transport{
		Proxy:                  nil, // the environment must not choose where deliveries go
		DialContext:            h.dial,
		DialTLSContext:         h.dialTLS,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: MaxHeaderRead,
		HTTP2: &http.HTTP2Config{
			// Without pings a connection that died silently would time out
			// every delivery to its host for as long as TCP takes to notice.
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     5 * time.Second,
			// What a receiver can make us buffer. The defaults are 4 MiB a
			// stream and 1 GiB a connection.
			MaxReceiveBufferPerStream:     MaxBodyRead,
			MaxReceiveBufferPerConnection: 1 << 20,
		},
	}
	return h, nil
}

// CheckURL judges the URL of an endpoint with the guard that will judge its
// deliveries; see guard.Guard.CheckURL.
func (h *HTTP) CheckURL(raw string) (string, error) { return h.guard.CheckURL(raw) }

// CloseIdleConnections closes the connections that no delivery is using. The
// transport stays usable.
func (h *HTTP) CloseIdleConnections() { h.rt.CloseIdleConnections() }

// Send implements Transport. A context without a deadline is given the longest
// that an endpoint can have, webhook.MaxTimeout.
func (h *HTTP) Send(ctx context.Context, req *Request) (*Response, error) {
	return h.send(ctx, req, readBody)
}

// bodyReader reads as much of a body as is wanted, and reports whether there was more;
// err is what ended the body early.
type bodyReader func(io.Reader) (body []byte, truncated bool, err error)

func (h *HTTP) send(ctx context.Context, req *Request, read bodyReader) (*Response, error) {
	x := &exchange{start: time.Now()}
	u, err := h.guard.ParseURL(req.URL, req.Scope)
	if err != nil {
		// It passed when the endpoint was created: the guard has been
		// tightened since, and fails closed.
		return nil, x.fail(webhook.ClassBlockedAddress, guard.ErrBlocked)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, webhook.MaxTimeout)
		defer cancel()
	}
	if req.TLS != nil && u.Scheme != "https" {
		return nil, x.fail(webhook.ClassTLS, errNoTLS)
	}
	x.to, x.tls = guard.Destination{Host: u.Hostname(), Scope: req.Scope}, req.TLS
	resp, err := h.rt.RoundTrip(x.request(ctx, req, u))
	if err != nil {
		return nil, x.classify(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Nobody asked for it, and its body is the bare connection, which the
		// context does not bound.
		return nil, x.fail(webhook.ClassProtocol, errSwitched)
	}
	out, err := readResponse(resp, read)
	if err != nil && ctx.Err() != nil {
		return nil, x.classify(ctx, err)
	}
	out.RemoteAddr, out.Timings = x.finish()
	return out, nil
}

// ReadResponse returns what a Transport keeps of an HTTP response, for one that speaks
// HTTP in a way of its own. It reads the body within the caps and leaves closing it to
// the caller, who sets RemoteAddr and Timings. The error is what ended the body early;
// the response is whole but for that, and not nil. resp.Header is given away.
func ReadResponse(resp *http.Response) (*Response, error) { return readResponse(resp, readBody) }

func readResponse(resp *http.Response, read bodyReader) (*Response, error) {
	body, truncated, err := read(resp.Body)
	return &Response{
		StatusCode: resp.StatusCode,
		Header:     keepHeader(resp.Header),
		Body:       body,
		Truncated:  truncated,
	}, err
}

var errSwitched = errors.New("receiver switched protocols")
