package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// assumedLife is how long a token is taken for good if its server does not say
// (RFC 6749 section 5.1 recommends that it does): what most servers give. One that
// ends earlier is found out by the 401 that it gets.
const assumedLife = time.Hour

// maxToken bounds a token in bytes: as a header of an endpoint.
const maxToken = 4 << 10

// fetch asks the token endpoint for a token (RFC 6749 section 4.4). The error is of
// this package and repeats nothing that the server has said, or it is ctx's.
func fetch(ctx context.Context, by roundTripper, a webhook.Auth) (grant, error) {
	cfg := clientcredentials.Config{
		ClientID: a.OAuth2.ClientID, ClientSecret: a.Secret.Reveal(), TokenURL: a.OAuth2.TokenURL,
		Scopes: a.OAuth2.Scopes, AuthStyle: oauth2.AuthStyleInHeader,
	}
	if a.OAuth2.Style == webhook.OAuth2Post {
		cfg.AuthStyle = oauth2.AuthStyleInParams
	}
	if a.OAuth2.Audience != "" {
		cfg.EndpointParams = url.Values{"audience": {a.OAuth2.Audience}}
	}
	token, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
		Transport:     by,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	if err != nil {
		return grant{}, tokenError(ctx, err)
	}
	if token.TokenType != "" && !strings.EqualFold(token.TokenType, "bearer") || !usable(token.AccessToken) {
		return grant{}, errTokenResponse
	}
	life := assumedLife
	if !token.Expiry.IsZero() {
		life = time.Until(token.Expiry) // as the server said it: from now on
	}
	return grant{token: token.AccessToken, until: clock.Now().Add(life)}, nil
}

// usable reports whether a token can go into a header: visible ASCII.
func usable(token string) bool {
	return token != "" && len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

var errTokenResponse = errors.New("token endpoint did not answer with a bearer token")

// tokenError returns what an error of x/oauth2 means, in words of our own: its text
// holds the server's answer.
func tokenError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		text := "token endpoint answered " + strconv.Itoa(refused.Response.StatusCode)
		if slices.Contains(refusals, refused.ErrorCode) {
			text += " " + refused.ErrorCode
		}
		return errors.New(text)
	}
	if failure, ok := errors.AsType[*transport.Error](err); ok {
		return fmt.Errorf("token endpoint: %w", failure)
	}
	return errTokenResponse
}

// refusals are the error codes of RFC 6749 section 5.2; others are not repeated.
var refusals = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
}

// roundTripper is a Transport for net/http, which only sees what the Transport
// lets through: a response that was cut is no response.
type roundTripper struct {
	transport transport.Transport
	scope     guard.Scope
	tls       *transport.TLS
}

var errTokenTooLarge = &transport.Error{Class: webhook.ClassProtocol, Err: errors.New("response is too large")}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	resp, err := t.transport.Send(req.Context(), &transport.Request{
		URL: req.URL.String(), Method: req.Method, Header: req.Header, Body: body, Scope: t.scope, TLS: t.tls,
	})
	if err != nil {
		return nil, err
	}
	if resp.Truncated {
		return nil, errTokenTooLarge
	}
	return &http.Response{
		StatusCode: resp.StatusCode, Status: http.StatusText(resp.StatusCode), Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(resp.Body)), Request: req,
	}, nil
}
