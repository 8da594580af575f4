package transporttest

import (
	"net/http"
	"sync/atomic"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// counting answers 200 and counts what arrives.
func counting() (http.Handler, *atomic.Int64) {
	requests := new(atomic.Int64)
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }), requests
}

// refused returns an error unless a request is refused with a class, and does not
// arrive.
func refused(open func(http.Handler) Harness, req transport.Request, class webhook.ErrorClass, why string) error {
	receiver, requests := counting()
	resp, err := send(open(receiver), req)
	if err := wantClass(resp, err, class); err != nil {
		return unkept("%s: %w", why, err)
	}
	if n := requests.Load(); n != 0 {
		return unkept("%s: the receiver got %d requests; want none", why, n)
	}
	return nil
}

// tlsIsKept asks for a key that no receiver has: whoever does not look at what is asked
// of the connection sends all the same.
func tlsIsKept(open func(http.Handler) Harness) error {
	nobodys := transport.NewTLS(webhook.TLS{Pins: []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}})
	return refused(open, transport.Request{TLS: nobodys}, webhook.ClassTLS, "Send with a pin that no receiver has")
}

// scopeIsKept allows no address at all, once for the endpoint and once for its tenant.
func scopeIsKept(open func(http.Handler) Harness) error {
	none, err := guard.NewRanges(nil, []string{"0.0.0.0/0", "::/0"})
	if err != nil {
		return err
	}
	for who, scope := range map[string]guard.Scope{"an endpoint": {Endpoint: none}, "a tenant": {Tenant: none}} {
		if err := refused(open, transport.Request{Scope: scope}, webhook.ClassBlockedAddress, "Send to "+who+" that may be sent to nowhere"); err != nil {
			return err
		}
	}
	return nil
}
