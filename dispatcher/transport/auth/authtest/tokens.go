package authtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Client is who may have tokens, and how it has to ask (RFC 6749 sections 2.3.1 and
// 4.4).
type Client struct {
	ID, Secret string
	// Post wants id and secret in the body; else they have to be in the header.
	Post bool
	// Scope and Audience have to be asked for, exactly.
	Scope, Audience string
	// Lifetime is that of the tokens, in whole seconds; zero says nothing of it.
	Lifetime time.Duration
}

// TokenServer is a token endpoint on loopback that gives tokens to one client.
type TokenServer struct {
	*httptest.Server
	client Client

	mu       sync.Mutex
	requests int
	valid    []string
	answer   http.HandlerFunc
}

// NewTokenServer starts a TokenServer that ends with the test.
func NewTokenServer(t testing.TB, c Client) *TokenServer {
	s := &TokenServer{client: c}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Requests returns how many requests have come.
func (s *TokenServer) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Answer lets h answer from now on; nil ends that.
func (s *TokenServer) Answer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// Revoke makes the tokens that were given so far worthless.
func (s *TokenServer) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = nil
}

// Accepts reports whether a request has a token that was given and not revoked.
func (s *TokenServer) Accepts(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok && slices.Contains(s.valid, token)
}

// ServeHTTP gives a token to the client, and says to all others what RFC 6749
// section 5.2 has for them.
func (s *TokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	n, answer := s.requests, s.answer
	s.mu.Unlock()
	if answer != nil {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client hangs up
		answer(w, r)
		return
	}
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || len(r.URL.RawQuery) > 0 {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	switch c := s.client; {
	case !c.asks(r):
		refuse(w, http.StatusUnauthorized, "invalid_client")
	case r.PostForm.Get("grant_type") != "client_credentials":
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	case r.PostForm.Get("scope") != c.Scope || r.PostForm.Get("audience") != c.Audience:
		refuse(w, http.StatusBadRequest, "invalid_scope")
	default:
		s.give(w, fmt.Sprintf("token-canary-%d", n))
	}
}

func (s *TokenServer) give(w http.ResponseWriter, token string) {
	s.mu.Lock()
	s.valid = append(s.valid, token)
	s.mu.Unlock()
	answer := map[string]any{"access_token": token, "token_type": "Bearer"}
	if s.client.Lifetime != 0 {
		answer["expires_in"] = int(s.client.Lifetime.Seconds())
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// asks reports whether a request is the client's. In the header, both parts are
// encoded like a form.
func (c Client) asks(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if c.Post {
		return !basic && r.PostForm.Get("client_id") == c.ID && r.PostForm.Get("client_secret") == c.Secret
	}
	return basic && !r.PostForm.Has("client_secret") && id == url.QueryEscape(c.ID) && secret == url.QueryEscape(c.Secret)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "canary-description"})
}
