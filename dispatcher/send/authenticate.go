package send

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// request is a request with what authenticates it.
type request struct {
	transport.Request
	// proof are the headers that authenticate it, which are not kept. They are
	// also in Header.
	proof http.Header
}

// prove adds the headers that authenticate a request. What it had of these names is
// replaced.
func (req *request) prove(proof http.Header) {
	req.proof = proof
	for name, values := range proof {
		req.Header[name] = values
	}
}

// authError is why a request could not be authenticated.
type authError struct{ error }

func (e authError) Unwrap() error { return e.error }

// class returns the class of an attempt that failed with e. failure is what the
// transport said of the request for a token, or nil: what is our own fault is not
// charged to the endpoint.
func (e authError) class(failure *transport.Error) webhook.ErrorClass {
	switch {
	case errors.Is(e, context.Canceled):
		return webhook.ClassCanceled
	case failure != nil && failure.Class == webhook.ClassInternal:
		return webhook.ClassInternal
	}
	return webhook.ClassAuth
}

// exchange authenticates a request and sends it. A receiver that refuses a token
// (401) is asked once more, with a newer one, in the same attempt; if none can be
// had, its answer comes with an authError.
func (s *Sender) exchange(ctx context.Context, r *Route, req *request) (*transport.Response, error) {
	if r.auth == nil {
		return s.transport.Send(ctx, &req.Request)
	}
	proof, err := s.auth.Authenticate(ctx, r.auth, &req.Request)
	if err != nil {
		return nil, s.notAuthenticated(ctx, r, err)
	}
	req.prove(proof)
	resp, err := s.transport.Send(ctx, &req.Request)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !r.auth.Renews() || r.Endpoint.Accepts(resp.StatusCode) {
		return resp, err
	}
	proof, err = s.auth.Renew(ctx, r.auth, &req.Request)
	switch {
	case err != nil:
		return resp, s.notAuthenticated(ctx, r, err)
	case proof == nil:
		return resp, nil
	}
	req.Header = req.Header.Clone() // the transport may still be reading the first one
	req.prove(proof)
	return s.transport.Send(ctx, &req.Request)
}

// notAuthenticated logs why, once a second at most, which the attempt does not say:
// tenants learn the class alone.
func (s *Sender) notAuthenticated(ctx context.Context, r *Route, err error) error {
	if !errors.Is(err, context.Canceled) && first(&s.warned) { // not by us, as when the process stops
		s.log.With(telemetry.LogFields(ctx)...).Warn("authenticate a delivery; others within the second are not reported", zap.String("endpoint", r.Endpoint.ID), zap.Error(err))
	}
	return authError{err}
}
