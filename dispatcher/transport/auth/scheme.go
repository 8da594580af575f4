package auth

import (
	"context"
	"net/http"

	"github.com/postrider/postrider/webhook"
)

// Scheme authenticates requests in a way of the host's own. Endpoints name it
// in Auth.Scheme.
//
// Authenticate returns the headers to add to a request, after it was signed. It is
// called for every attempt, within the attempt's deadline, and by many goroutines
// at once. Headers that endpoints may not set (see webhook.ReservedHeader) are an
// error, and so are values that are not visible ASCII. An error fails the attempt
// as auth_error and is logged, so it must not hold a credential; a panic fails it
// as internal.
type Scheme interface {
	Authenticate(ctx context.Context, req *Request) (http.Header, error)
}

// SchemeFunc is a function as a Scheme.
type SchemeFunc func(ctx context.Context, req *Request) (http.Header, error)

// Authenticate calls f.
func (f SchemeFunc) Authenticate(ctx context.Context, req *Request) (http.Header, error) {
	return f(ctx, req)
}

// Request is what a Scheme authenticates.
type Request struct {
	// Tenant and Endpoint, an id, say for whom.
	Tenant, Endpoint string
	// Params and Secret are the endpoint's for this scheme. Params must not be
	// changed.
	Params map[string]string
	Secret webhook.Credential
	// Method and URL are where the request goes, Header the headers so far, which
	// are the Scheme's to keep, and Body its final bytes, which it must not
	// change.
	Method, URL string
	Header      http.Header
	Body        []byte
}
