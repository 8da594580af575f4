package auth_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const endpointID = "ep_01J8ZQ0000000000000000000"

// endpoint returns an endpoint as a route has it.
func endpoint(a webhook.Auth) *webhook.Endpoint {
	ep := webhook.Endpoint{Tenant: "acme", ID: endpointID, URL: "https://a.example/hooks?x=1", Auth: a}.WithDefaults()
	return &ep
}

// open is a transport that reaches loopback.
func open(t *testing.T) *transport.HTTP {
	t.Helper()
	h, err := transport.NewHTTP(transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.CloseIdleConnections)
	return h
}

func newAuthenticator(tokens transport.Transport) *auth.Authenticator {
	var n atomic.Int64
	return auth.New(auth.Config{Tokens: tokens, NewID: func() (string, error) { return "id-" + strconv.FormatInt(n.Add(1), 10), nil }})
}

// delivery is a request that is to be authenticated.
func delivery(body string) *transport.Request {
	return &transport.Request{URL: "https://a.example/hooks", Method: http.MethodPost, Header: http.Header{"Webhook-Id": {"evt_1"}}, Body: []byte(body)}
}

// client is what a token server and an endpoint agree about.
var client = authtest.Client{ID: "us/1:x", Secret: "canary secret+/%:ü", Scope: "hooks:write x"}

// oauth returns the authentication of an endpoint for a token server.
func oauth(url string, c authtest.Client) webhook.Auth {
	a := webhook.Auth{
		Type: webhook.AuthOAuth2, Secret: webhook.NewCredential(c.Secret),
		OAuth2: webhook.OAuth2{TokenURL: url, ClientID: c.ID, Scopes: []string{"hooks:write", "x"}, Audience: c.Audience},
	}
	if c.Post {
		a.OAuth2.Style = webhook.OAuth2Post
	}
	return a
}

// inMemory is a transport to a handler, for tests in which time is made.
func inMemory(h http.Handler) transport.TransportFunc {
	return func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
		r := httptest.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
		r.Header = req.Header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return &transport.Response{StatusCode: w.Code, Header: w.Header(), Body: w.Body.Bytes()}, nil
	}
}
