package transport

import (
	"context"
	"net/http"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// The caps on a response. They are part of the contract of every Transport.
const (
	// MaxHeaderRead bounds the response header in bytes, with all 1xx responses
	// before it. More is a protocol_error.
	MaxHeaderRead = 64 << 10
	// MaxBodyRead bounds how much of a response body is read, in bytes.
	MaxBodyRead = 64 << 10
	// MaxBodyKept bounds Response.Body, in bytes.
	MaxBodyKept = 16 << 10
	// MaxHeaderKept bounds the names and values of Response.Header, in bytes.
	MaxHeaderKept = 16 << 10
	// MaxLocation bounds a Location header in Response.Header, in bytes.
	MaxLocation = 200
)

// Transport sends requests to receivers.
//
// Send makes one attempt. The context's deadline is the attempt's only one and
// covers everything up to the last byte of the response; Send returns promptly
// when the context ends. Send keeps to the caps above, follows no redirect, and
// never sends a request a second time that the receiver may have seen.
//
// A response with any final status is a *Response and a nil error. A redirect or
// a 500 is *not* an error, and neither is a body that is cut short or too
// large. Everything else is a nil response and an error in whose chain there is
// an *Error.
//
// Send changes nothing that req points to. It is safe for concurrent use.
type Transport interface {
	Send(ctx context.Context, req *Request) (*Response, error)
}

// TransportFunc is a function as a Transport.
type TransportFunc func(ctx context.Context, req *Request) (*Response, error)

// Send calls f.
func (f TransportFunc) Send(ctx context.Context, req *Request) (*Response, error) {
	return f(ctx, req)
}

// Request is what to send, in its final form.
type Request struct {
	// URL is the receiver, in the normal form of package guard.
	URL string
	// Method is POST, PUT or PATCH. Defaults to POST.
	Method string
	// Header holds the headers, with canonical names. A User-Agent of
	// "Postrider" is added if there is none.
	Header http.Header
	// Body is sent byte for byte. It must not be changed, not even after Send
	// returned: a receiver may answer while it is still being written.
	Body []byte
	// Scope narrows where the request may go. A Transport that cannot keep to it
	// fails with blocked_address unless it is the zero Scope.
	Scope guard.Scope
	// TLS is what is asked of the connection, or nil. A Transport that cannot do
	// what it says fails with tls_error.
	TLS *TLS
}

// Response is what a receiver answered.
type Response struct {
	StatusCode int
	// Header is at most MaxHeaderKept bytes; what does not fit is left out, in
	// the order of names, and Location is cut at MaxLocation.
	Header http.Header
	// Body is the first MaxBodyKept bytes of the body, as they were on the
	// wire. Truncated says that there was more, or that the connection broke
	// before the end.
	Body      []byte
	Truncated bool
	// RemoteAddr is the address and port that answered.
	RemoteAddr string
	// Timings are the phases of the attempt. FirstByte counts from the moment
	// a connection was ready, so the phases do not overlap.
	Timings webhook.Timings
}

// Error is why there is no response. Tenants see the class alone; the rest is
// for the host's log.
type Error struct {
	Class webhook.ErrorClass
	// Err says more. It never contains a URL's userinfo or query, bytes from
	// the receiver, or an address that was blocked.
	Err error
	// RemoteAddr is the address and port that was connected to, or "".
	RemoteAddr string
	// Timings are the phases that were reached, and the total.
	Timings webhook.Timings
}

// Error returns the class and the text of Err.
func (e *Error) Error() string {
	if e.Err == nil {
		return string(e.Class)
	}
	return string(e.Class) + ": " + e.Err.Error()
}

// Unwrap returns Err: context.DeadlineExceeded, context.Canceled,
// guard.ErrBlocked and system call errors can be asked for with errors.Is.
func (e *Error) Unwrap() error { return e.Err }
