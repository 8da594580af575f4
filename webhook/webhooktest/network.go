package webhooktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// Network is a transport to receivers in memory: there are no sockets, so it works in
// a testing/synctest bubble, where a receiver that is slow takes no time. Give it to
// dispatcher.Config.Transport. Its receivers have https URLs with names of their own,
// which the address guard accepts like any public one.
//
// It keeps to the contract of transport.Transport. What it cannot do is what takes a
// real connection: endpoints with TLS settings fail with tls_error, and endpoints and
// tenants with address lists with blocked_address, as the contract wants.
//
// The zero Network has no receivers. It is safe for concurrent use.
type Network struct {
	mu    sync.Mutex
	hosts map[string]*host
}

var _ transport.Transport = (*Network)(nil)

// host is a receiver's end of the network.
type host struct {
	handler http.Handler
	serving sync.WaitGroup
	closing context.Context // ends when the receiver is closed
	end     context.CancelFunc

	mu              sync.Mutex
	closed, expired bool
}

// NewReceiver adds a receiver, which answers by a script (see Receiver.Answer). It is
// closed with the test.
func (n *Network) NewReceiver(t testing.TB, script ...http.Handler) *Receiver {
	rc := newReceiver(t, "", script)
	var h *host
	rc.URL, h = n.listen(http.HandlerFunc(rc.serve))
	rc.stop, rc.expire = sync.OnceFunc(h.close), h.expire
	t.Cleanup(rc.stop)
	return rc
}

// listen adds a host and returns its URL.
func (n *Network) listen(handler http.Handler) (string, *host) {
	h := &host{handler: handler}
	h.closing, h.end = context.WithCancel(context.Background())
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = make(map[string]*host)
	}
	name := fmt.Sprintf("receiver-%d.example", len(n.hosts)+1)
	n.hosts[name] = h
	return "https://" + name, h
}

func (h *host) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.serving.Wait()
}

func (h *host) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expired = true
}

var (
	errNoHost  = errors.New("no such host")
	errRefused = errors.New("connection refused")
	errExpired = errors.New("certificate has expired or is not yet valid")
	errNoTLS   = errors.New("a network in memory has no TLS to ask anything of")
)

// Send implements transport.Transport.
func (n *Network) Send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	start := time.Now()
	fail := func(class webhook.ErrorClass, err error) (*transport.Response, error) {
		return nil, &transport.Error{Class: class, Err: err, Timings: took(start)}
	}
	if err := ctx.Err(); err != nil {
		return fail(classOf(err), err)
	}
	if req.Scope != (guard.Scope{}) {
		return fail(webhook.ClassBlockedAddress, guard.ErrBlocked)
	}
	if req.TLS != nil {
		return fail(webhook.ClassTLS, errNoTLS)
	}
	u, err := url.Parse(req.URL)
	if err != nil {
		return fail(webhook.ClassInternal, errors.New("request is not valid"))
	}
	n.mu.Lock()
	h := n.hosts[u.Hostname()]
	n.mu.Unlock()
	if h == nil {
		return fail(webhook.ClassDNS, errNoHost)
	}
	if class, err := h.admit(); err != nil {
		return fail(class, err)
	}
	served, cancel := context.WithCancel(ctx)
	x := newExchange(cancel)
	go func() {
		defer h.serving.Done()
		x.serve(served, h, request(served, req, u))
	}()
	resp, class, err := x.response(ctx)
	if err != nil {
		return fail(class, err)
	}
	resp.RemoteAddr, resp.Timings = u.Hostname()+":443", took(start)
	return resp, nil
}

// admit takes a request in, unless there is no connection to be had.
func (h *host) admit() (webhook.ErrorClass, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return webhook.ClassConnect, errRefused
	case h.expired:
		return webhook.ClassTLS, errExpired
	}
	h.serving.Add(1)
	return webhook.ClassNone, nil
}

// classOf returns the class of an attempt whose context has ended.
func classOf(ended error) webhook.ErrorClass {
	if errors.Is(ended, context.DeadlineExceeded) {
		return webhook.ClassTimeout
	}
	return webhook.ClassCanceled
}

// took returns the timings of an attempt that ends now. Virtual time may have stood
// still, but an attempt always took some.
func took(start time.Time) webhook.Timings {
	return webhook.Timings{Total: max(time.Since(start), time.Nanosecond)}
}
