package auth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
)

// workers is the number that features.md names: what an endpoint may have in flight
// by default.
const workers = 64

// accepts reports whether a receiver that takes the server's tokens takes these headers.
func accepts(s *authtest.TokenServer, set http.Header) bool {
	return s.Accepts(&http.Request{Header: set})
}

func TestOAuth2(t *testing.T) {
	a := newAuthenticator(open(t))
	for name, c := range map[string]authtest.Client{
		"basic": client,
		"post":  {ID: client.ID, Secret: client.Secret, Scope: client.Scope, Post: true, Audience: "https://a.example"},
	} {
		s := authtest.NewTokenServer(t, c)
		set, err := a.Authenticate(t.Context(), auth.NewCredentials(endpoint(oauth(s.URL, c))), delivery(``))
		if err != nil || !accepts(s, set) {
			t.Errorf("%s: Authenticate = %d headers, %v; want a token of the server", name, len(set), err)
		}
		wrong := c
		wrong.Secret = "canary-wrong"
		set, err = a.Authenticate(t.Context(), auth.NewCredentials(endpoint(oauth(s.URL, wrong))), delivery(``))
		if err == nil || len(set) > 0 || err.Error() != "token endpoint answered 401 invalid_client" {
			t.Errorf("%s: Authenticate with another secret = %v, %v; want the server's refusal", name, set, err)
		}
	}
}

// at lets all workers go at once and returns when they are done.
func at(n int, work func()) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			work()
		})
	}
	done.Wait()
}

// 64 workers that have no token, over two endpoints with the same credential, make
// one request for a token; and one more when the receiver refuses it.
func TestOneTokenForManyWorkers(t *testing.T) {
	s := authtest.NewTokenServer(t, client)
	a := newAuthenticator(open(t))
	one, two := auth.NewCredentials(endpoint(oauth(s.URL, client))), auth.NewCredentials(endpoint(oauth(s.URL, client)))
	var n, good atomic.Int64
	authenticate := func() {
		c := one
		if n.Add(1)%2 == 0 {
			c = two
		}
		set, err := a.Authenticate(t.Context(), c, delivery(``))
		if err != nil {
			t.Errorf("Authenticate = %v; want a token", err)
			return
		}
		if !accepts(s, set) { // as a receiver's 401
			if set, err = a.Renew(t.Context(), c, &transport.Request{Header: set}); err != nil || set == nil {
				t.Errorf("Renew = %v, %v; want a token", set, err)
			}
		}
		if accepts(s, set) {
			good.Add(1)
		}
	}
	at(workers, authenticate)
	if got := s.Requests(); got != 1 || good.Load() != workers {
		t.Errorf("%d workers without a token made %d requests for one, %d have it; want 1 and all", workers, got, good.Load())
	}
	s.Revoke()
	at(workers, authenticate)
	if got := s.Requests(); got != 2 || good.Load() != 2*workers {
		t.Errorf("%d workers whose token was revoked made %d requests for a new one, %d have it; want 1 and all", workers, got-1, good.Load()-workers)
	}
	// A receiver that refuses the new one as well is not given another at once.
	set, err := a.Authenticate(t.Context(), one, delivery(``))
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Renew(t.Context(), one, &transport.Request{Header: set})
	if err != nil || again != nil || s.Requests() != 2 {
		t.Errorf("Renew of a token that is new = %v, %v after %d requests; want none, and 2", again, err, s.Requests())
	}
}

// A tenant's token is never another's, even with the same credential.
func TestTokensOfTenantsAreApart(t *testing.T) {
	s := authtest.NewTokenServer(t, client)
	a := newAuthenticator(open(t))
	tokens := make(map[string]bool)
	for _, tenant := range []string{"acme", "globex"} {
		ep := endpoint(oauth(s.URL, client))
		ep.Tenant = tenant
		set, err := a.Authenticate(t.Context(), auth.NewCredentials(ep), delivery(``))
		if err != nil {
			t.Fatal(err)
		}
		tokens[set.Get("Authorization")] = true
	}
	if len(tokens) != 2 || s.Requests() != 2 {
		t.Errorf("two tenants have %d tokens after %d requests; want 2 and 2", len(tokens), s.Requests())
	}
}

// What a token endpoint answers is no token unless it is one, and none of it is
// repeated.
func TestTokenEndpointThatMisbehaves(t *testing.T) {
	var redirected atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected.Add(1) }))
	defer target.Close()
	says := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const jsonType = "application/json"
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		}, "token endpoint answered 307"},
		{"error of its own", says(500, jsonType, `{"error":"canary","error_description":"canary"}`), "token endpoint answered 500"},
		{"page", says(502, "text/html", `<h1>canary</h1>`), "token endpoint answered 502"},
		{"error with 200", says(200, jsonType, `{"error":"invalid_grant"}`), "token endpoint answered 200 invalid_grant"},
		{"no JSON", says(200, jsonType, `canary`), "token endpoint did not answer with a bearer token"},
		{"no token", says(200, jsonType, `{"token":"canary"}`), "token endpoint did not answer with a bearer token"},
		{"another type", says(200, jsonType, `{"access_token":"canary","token_type":"mac"}`), "token endpoint did not answer with a bearer token"},
		{"token with a line", says(200, jsonType, `{"access_token":"canary\r\nX: y","token_type":"bearer"}`), "token endpoint did not answer with a bearer token"},
		{"token of 5 KiB", says(200, jsonType, `{"access_token":"`+strings.Repeat("a", 5<<10)+`"}`), "token endpoint did not answer with a bearer token"},
		{"token behind 20 KiB", says(200, jsonType, `{"x":"`+strings.Repeat("a", 20<<10)+`","access_token":"canary"}`), "token endpoint: protocol_error: response is too large"},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "token endpoint: connect_error: connection was closed before a response came"},
	} {
		s := authtest.NewTokenServer(t, client)
		s.Answer(tt.answer)
		set, err := newAuthenticator(open(t)).Authenticate(t.Context(), auth.NewCredentials(endpoint(oauth(s.URL, client))), delivery(``))
		if err == nil || err.Error() != tt.want || len(set) > 0 {
			t.Errorf("%s: Authenticate = %v, %v; want %q", tt.name, set, err, tt.want)
		}
	}
	if n := redirected.Load(); n != 0 {
		t.Errorf("the target of a redirect got %d requests, with the client's secret; want 0", n)
	}
}

// Requests for tokens pass the guard like all others.
func TestTokenEndpointInside(t *testing.T) {
	s := authtest.NewTokenServer(t, client)
	h, err := transport.NewHTTP(transport.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{s.URL, strings.Replace(s.URL, "http:", "https:", 1), "https://169.254.169.254/token"} {
		_, err := newAuthenticator(h).Authenticate(t.Context(), auth.NewCredentials(endpoint(oauth(url, client))), delivery(``))
		if failure, ok := errors.AsType[*transport.Error](err); !ok || failure.Class != "blocked_address" || s.Requests() != 0 {
			t.Errorf("Authenticate with tokens from %s = %v after %d requests; want blocked_address and none", url, err, s.Requests())
		}
	}
}

// A token endpoint that does not answer costs an attempt its own deadline, and who
// is called off does not take the others with it.
func TestTokenEndpointThatHangs(t *testing.T) {
	s := authtest.NewTokenServer(t, client)
	asked, gone := make(chan struct{}, 1), make(chan struct{})
	s.Answer(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-gone
		<-r.Context().Done()
	})
	a := newAuthenticator(open(t))
	c := auth.NewCredentials(endpoint(oauth(s.URL, client)))
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := a.Authenticate(ctx, c, delivery(``)); first <- err }()
	<-asked
	go func() { _, err := a.Authenticate(t.Context(), c, delivery(``)); second <- err }()
	s.Answer(nil)
	cancel()
	close(gone)
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("Authenticate of who was called off = %v; want context.Canceled", err)
	}
	if err := <-second; err != nil {
		t.Errorf("Authenticate of who waited for it = %v; want a token", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	slow := authtest.NewTokenServer(t, client)
	slow.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if _, err := a.Authenticate(short, auth.NewCredentials(endpoint(oauth(slow.URL, client))), delivery(``)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Authenticate within 20 ms = %v; want the deadline", err)
	}
}
