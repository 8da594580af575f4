package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"

	"github.com/postrider/postrider/dispatcher/transport/guard"
)

// pooled returns the URL that net/http sees of a request to u: its host is what
// connections are kept under. One that was made for a request with lists or TLS
// settings must not serve another with others, or none, since both are looked at
// when a connection is made. So their keys become part of the host, as if it were
// another name; dial and dialTLS go to where the exchange says.
func pooled(u *url.URL, scope guard.Scope, settings *TLS) *url.URL {
	key := scope.Key()
	if key == "" && settings == nil {
		return u
	}
	key = poolName(key, settings.poolKey())
	of := *u
	// No name begins with "-", so no name looks like an IPv6 address in this form.
	of.Host = key + "." + strings.ReplaceAll(u.Hostname(), ":", "-")
	if port := u.Port(); port != "" {
		of.Host += ":" + port
	}
	return &of
}

// dial connects for http.Transport, past the guard, and records what it took
// for the exchange that asked for the connection.
func (h *HTTP) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return h.connect(ctx, network, guard.Destination{Host: host}, port)
	}
	return x.dial(ctx, func(ctx context.Context) (net.Conn, error) {
		return h.connect(ctx, network, x.to, port)
	})
}

// connect connects to a destination by itself, or through the proxy.
func (h *HTTP) connect(ctx context.Context, network string, to guard.Destination, port string) (net.Conn, error) {
	if h.proxy != nil {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		return h.connectByProxy(ctx, to, port)
	}
	d := h.dialer
	d.ControlContext = h.control(to)
	return d.DialContext(ctx, network, net.JoinHostPort(h.lookedUp(to.Host), port))
}

// lookedUp returns a host as the resolver is asked for it.
func (h *HTTP) lookedUp(host string) string {
	if !h.guard.Public() || net.ParseIP(host) != nil {
		return host
	}
	// The dot keeps the resolver's search list out: below a search domain a
	// public name could mean a machine inside.
	return host + "."
}

// dialTLS is dial with a TLS handshake after it. The certificate must be that of
// the exchange's host.
func (h *HTTP) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := h.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	secured, err := h.secure(ctx, conn, addr)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// secure makes the handshake that the exchange asks for.
func (h *HTTP) secure(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		x = new(exchange)
		x.to.Host, _, _ = net.SplitHostPort(addr) // a name without its port is what dial went to
	}
	x.tlsStart()
	cfg, err := x.tls.config(h.tls, x.clientWanted)
	if err != nil {
		return nil, err
	}
	cfg.ServerName = x.to.Host
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	x.tlsDone()
	return secured, nil
}
