package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/postrider/postrider/dispatcher/transport/guard"
)

// proxy is the host's egress proxy.
type proxy struct {
	address       string
	tls           *tls.Config // nil for plain HTTP
	authorization string      // value of the header, or ""
	trusted       bool
}

// errProxy is in the chain of every error that is the proxy's own, and nobody's
// fault at the other end.
var errProxy = errors.New("egress proxy")

// errUnreachable is a proxy's word that it could not connect to the destination.
var errUnreachable = errors.New("egress proxy could not connect to the destination")

func newProxy(cfg HTTPConfig) (*proxy, error) {
	if cfg.Proxy == nil {
		return nil, nil
	}
	u, p := cfg.Proxy, &proxy{trusted: cfg.ProxyTrusted}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return nil, errors.New("transport: the URL of a proxy must be http or https, with a host")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	p.address = net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs, ServerName: u.Hostname()}
	}
	p.authorization = basic(u.User)
	return p, nil
}

func basic(user *url.Userinfo) string {
	if user == nil {
		return ""
	}
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// connectByProxy connects to a destination through the proxy. A proxy is asked for
// addresses that have passed the guard, not for names, which it might resolve to
// others; only one that is trusted is asked for names, unless a list has something
// to say about addresses.
func (h *HTTP) connectByProxy(ctx context.Context, to guard.Destination, port string) (net.Conn, error) {
	if _, err := netip.ParseAddr(to.Host); err != nil && h.proxy.trusted && !h.guard.Addresses(to.Scope) {
		return h.tunnel(ctx, net.JoinHostPort(to.Host, port), "")
	}
	addrs, err := h.resolve(ctx, to.Host)
	if err != nil {
		return nil, err
	}
	control := h.control(to)
	err = guard.ErrBlocked
	for _, addr := range addrs {
		addr = addr.Unmap()
		network, target := "tcp6", net.JoinHostPort(addr.String(), port)
		if addr.Is4() {
			network = "tcp4"
		}
		if control(ctx, network, target, nil) != nil {
			continue
		}
		var conn net.Conn
		conn, err = h.tunnel(ctx, target, target)
		if err == nil || !errors.Is(err, errUnreachable) {
			return conn, err
		}
	}
	return nil, err
}

// resolve returns the addresses of a host, at least one.
func (h *HTTP) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	resolver := h.dialer.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	return resolver.LookupNetIP(ctx, "ip", h.lookedUp(host))
}

// tunnel connects to the proxy and asks it for a connection to target. remote is
// what the connection calls its other end.
func (h *HTTP) tunnel(ctx context.Context, target, remote string) (net.Conn, error) {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	x.atProxy(true)
	conn, err := h.proxy.dial(ctx)
	if err != nil {
		return nil, err
	}
	x.atProxy(false)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = h.proxy.connect(conn, target)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return &tunneled{Conn: conn, remote: remoteAddr(remote)}, nil
}

// dial connects to the proxy itself. Every error has errProxy in its chain.
func (p *proxy) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot be reached: %w", errProxy, err)
	}
	if p.tls == nil {
		return conn, nil
	}
	secured := tls.Client(conn, p.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: TLS handshake: %w", errProxy, err)
	}
	return secured, nil
}

// connect asks for a connection to target (RFC 9110 section 9.3.6). A proxy that
// says it cannot connect, or not in time, speaks about the target: errUnreachable.
// One that is trusted to guard and refuses has done so: guard.ErrBlocked. Whatever
// else goes wrong is the proxy's: errProxy.
func (p *proxy) connect(conn net.Conn, target string) error {
	req := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nUser-Agent: " + userAgent + "\r\n"
	if p.authorization != "" {
		req += "Proxy-Authorization: " + p.authorization + "\r\n"
	}
	if _, err := io.WriteString(conn, req+"\r\n"); err != nil {
		return fmt.Errorf("%w: %w", errProxy, err)
	}
	answer := bufio.NewReader(io.LimitReader(conn, MaxHeaderRead))
	// As if to HEAD: what follows the header is the tunnel, or of no interest.
	resp, err := http.ReadResponse(answer, &http.Request{Method: http.MethodHead})
	if err != nil {
		return fmt.Errorf("%w: no valid answer to CONNECT", errProxy)
	}
	_ = resp.Body.Close() // there is none
	switch {
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusGatewayTimeout:
		return errUnreachable
	case resp.StatusCode == http.StatusForbidden && p.trusted:
		return guard.ErrBlocked
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%w: answered CONNECT with status %d", errProxy, resp.StatusCode)
	case answer.Buffered() > 0:
		return fmt.Errorf("%w: sent more than its answer to CONNECT", errProxy)
	}
	return nil
}

// tunneled is a connection through the proxy. Its other end is the destination:
// tenants see it in the attempt log, and the proxy's address is not theirs to know.
type tunneled struct {
	net.Conn
	remote remoteAddr
}

func (c *tunneled) RemoteAddr() net.Addr { return c.remote }

// remoteAddr is an address and port, or "" if only the proxy knows.
type remoteAddr string

func (remoteAddr) Network() string  { return "tcp" }
func (a remoteAddr) String() string { return string(a) }
