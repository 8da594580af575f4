package send

import (
	"context"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Route is how to send to an endpoint, with everything opened that was sealed.
// It is never changed; a change of the endpoint makes a new one.
type Route struct {
	// Revision is the endpoint's revision that the route was made of.
	Revision int64
	// Endpoint is the endpoint with its secrets.
	Endpoint webhook.Endpoint
	signers  []routeSigner
	// encrypt makes what is sent of a body; nil if it is sent as it is.
	encrypt func(plain []byte, contentType string) ([]byte, error)
	// anonymize is what is taken out of data, or hashed.
	anonymize []anonymization
	// list narrows where requests may go, or is nil.
	list *guard.List
	// auth is nil if the signature is enough.
	auth *auth.Credentials
	tls  *transport.TLS
	echo echo
}

// NewRoute opens the sealed parts of an endpoint; of a deleted one there is
// nothing to open. The error is the sealer's, or says what it opened that cannot
// be read.
func NewRoute(ctx context.Context, sealer seal.Sealer, ep store.EngineEndpoint) (*Route, error) {
	r := &Route{Revision: ep.Revision, Endpoint: ep.Endpoint}
	if ep.Deleted() {
		return r, nil
	}
	var err error
	if r.Endpoint, err = OpenEndpoint(ctx, sealer, ep.EndpointRecord); err != nil {
		return nil, err
	}
	r.auth, r.tls = auth.NewCredentials(&r.Endpoint), transport.NewTLS(r.Endpoint.TLS)
	r.echo = newEcho(&r.Endpoint, r.auth)
	if r.list, err = guard.NewRanges(ep.AllowedIPs, ep.DeniedIPs); err != nil {
		return nil, fmt.Errorf("read lists of %s: %w", ep.ID, err)
	}
	r.encrypt = encryption(r.Endpoint.Encryption)
	if r.anonymize, err = anonymizations(ep.Anonymize); err != nil {
		return nil, fmt.Errorf("read what %s anonymizes: %w", ep.ID, err)
	}
	for _, rec := range ep.Secrets {
		s, err := openSecret(ctx, sealer, rec)
		if err != nil {
			return nil, err
		}
		r.signers = append(r.signers, s)
	}
	return r, nil
}

// header returns the headers of a request without its signature and what
// authenticates it, in a map of the caller's own.
func (r *Route) header() http.Header {
	h := make(http.Header, len(r.Endpoint.Headers)+6)
	for name, value := range r.Endpoint.Headers {
		h.Set(name, value)
	}
	return h
}
