package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// Config is what an Authenticator works with.
type Config struct {
	// Tokens carries the requests for OAuth tokens. Required for type oauth2.
	Tokens transport.Transport
	// Schemes are the host's own, by name.
	// Defaults to none.
	Schemes map[string]Scheme
	// NewID returns a fresh id for the claim jti. Required for type jwt.
	NewID func() (string, error)
}

// Authenticator authenticates requests. It is safe for concurrent use. Create it
// with New.
type Authenticator struct {
	schemes map[string]Scheme
	newID   func() (string, error)
	sources *sources
}

// New returns an Authenticator. It has no goroutines and need not be closed.
func New(cfg Config) *Authenticator {
	return &Authenticator{schemes: maps.Clone(cfg.Schemes), newID: cfg.NewID, sources: newSources(cfg.Tokens)}
}

// Knows reports whether there is a scheme of this name.
func (a *Authenticator) Knows(scheme string) bool { return a.schemes[scheme] != nil }

// ErrUnknownScheme is returned by Authenticate for a scheme that this process's
// host has not registered.
var ErrUnknownScheme = errors.New("authentication scheme is not registered")

// Authenticate returns the headers that authenticate a request, which the caller
// must not change: method, URL, headers and body are looked at. The error is ctx's
// if it has ended, or says why there is nothing to authenticate with.
func (a *Authenticator) Authenticate(ctx context.Context, c *Credentials, req *transport.Request) (http.Header, error) {
	switch {
	case c.err != nil:
		return nil, c.err
	case c.fixed != nil:
		return c.fixed, nil
	case c.signer != nil:
		token, err := a.mint(c, req.Body)
		return bearer(token), err
	case c.auth.Type == webhook.AuthOAuth2:
		token, err := a.sources.of(c).token(ctx, tokenScope(req))
		return bearer(token), err
	}
	return a.custom(ctx, c, req)
}

// Renew returns the headers to try again with after a receiver has answered 401 to
// a request with the ones that Authenticate returned. It returns nil if nothing
// newer can be had: of many callers with one token the first gets a new one for
// all, and a receiver that refuses new tokens too is not given one after the other.
// Errors are those of Authenticate.
func (a *Authenticator) Renew(ctx context.Context, c *Credentials, refused *transport.Request) (http.Header, error) {
	old := strings.TrimPrefix(refused.Header.Get("Authorization"), bearerPrefix)
	token, err := a.sources.of(c).renew(ctx, tokenScope(refused), old)
	return bearer(token), err
}

// tokenScope returns where the token for a request may come from: the tenant's list
// holds for token endpoints too, the endpoint's own is about its own address.
func tokenScope(req *transport.Request) guard.Scope { return guard.Scope{Tenant: req.Scope.Tenant} }

const bearerPrefix = "Bearer "

func bearer(token string) http.Header {
	if token == "" {
		return nil
	}
	return authorization(bearerPrefix + token)
}

// custom asks the host's scheme, and judges what it sets as if the endpoint's
// owner had set it.
func (a *Authenticator) custom(ctx context.Context, c *Credentials, req *transport.Request) (http.Header, error) {
	scheme := a.schemes[c.auth.Scheme]
	if scheme == nil {
		return nil, ErrUnknownScheme
	}
	given, err := scheme.Authenticate(ctx, &Request{
		Tenant: c.tenant, Endpoint: c.endpoint, Params: c.auth.Params, Secret: c.auth.Secret,
		Method: req.Method, URL: req.URL, Header: req.Header.Clone(), Body: req.Body,
	})
	if err != nil {
		return nil, fmt.Errorf("authentication scheme: %w", err)
	}
	set := make(http.Header, len(given))
	flat := make(map[string]string, len(given))
	for name, values := range given {
		if len(values) != 1 {
			return nil, errSchemeHeaders
		}
		flat[name] = values[0]
		set.Set(name, values[0])
	}
	if len(webhook.CheckHeaders(flat)) > 0 {
		return nil, errSchemeHeaders
	}
	return set, nil
}

var errSchemeHeaders = errors.New("authentication scheme has set headers that it may not set")
