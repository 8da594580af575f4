package send_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// sending is a sender on loopback that knows the scheme "house".
type sending struct {
	*send.Sender
	log *observer.ObservedLogs
}

func newSending(t *testing.T) sending {
	t.Helper()
	h, err := transport.NewHTTP(transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.CloseIdleConnections)
	house := auth.SchemeFunc(func(_ context.Context, req *auth.Request) (http.Header, error) {
		if req.Params["panic"] != "" {
			panic(fmt.Sprint("canary-panic ", req.Secret))
		}
		return http.Header{"X-House": {req.Secret.Reveal() + "/" + req.Header.Get("Webhook-Id")}}, nil
	})
	core, log := observer.New(zap.DebugLevel)
	return sending{send.NewSender(send.Config{
		Transport: h, UserAgent: "Test/1", Log: zap.New(core),
		Auth: auth.New(auth.Config{
			Tokens: h, Schemes: map[string]auth.Scheme{"house": house}, NewID: func() (string, error) { return "id", nil },
		}),
	}), log}
}

// to sends an event to an endpoint.
func (s sending) to(t *testing.T, url string, a webhook.Auth) send.Exchange {
	t.Helper()
	r := routeTo(t, webhook.Endpoint{Tenant: "acme", ID: "ep_1", URL: url, Auth: a}.WithDefaults())
	return s.Send(t.Context(), r, send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: []byte(`1`)}), 10*time.Second)
}

// enforcing is a receiver that answers 401 to who does not prove who it is, and in
// any case with what it was sent.
func enforcing(t *testing.T, proves func(r *http.Request, body []byte) bool) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name := range r.Header {
			w.Header().Set("Echo-"+name, r.Header.Get(name))
		}
		if !proves(r, body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, r.Header)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func secret(text string) webhook.Credential { return webhook.NewCredential(text) }

// Every scheme is let in by a receiver that enforces it, and kept out with another
// secret; and nothing of what proved it is kept, though the receiver repeats it.
func TestAuthentication(t *testing.T) {
	client := authtest.Client{ID: "c1", Secret: "canary-client-secret"}
	tokens := authtest.NewTokenServer(t, client)
	oauth := func(text string) webhook.Auth {
		return webhook.Auth{Type: webhook.AuthOAuth2, Secret: secret(text), OAuth2: webhook.OAuth2{TokenURL: tokens.URL, ClientID: "c1"}}
	}
	house := func(text string) webhook.Auth {
		return webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Secret: secret(text)}
	}
	type scheme struct {
		name       string
		good, bad  webhook.Auth
		badClass   webhook.ErrorClass
		header     string
		proves     func(r *http.Request, body []byte) bool
		unprovable bool
	}
	schemes := []scheme{
		{
			name: "none", badClass: webhook.ClassHTTPStatus, unprovable: true,
			proves: func(r *http.Request, _ []byte) bool {
				return r.Header["Authorization"] == nil && r.Header.Get("Webhook-Signature") != ""
			},
		},
		{
			name: "api key", header: "X-Token", badClass: webhook.ClassHTTPStatus,
			good:   webhook.Auth{Type: webhook.AuthAPIKey, Header: "x-token", Secret: secret("canary-key")},
			bad:    webhook.Auth{Type: webhook.AuthAPIKey, Header: "x-token", Secret: secret("canary-other")},
			proves: func(r *http.Request, _ []byte) bool { return r.Header.Get("X-Token") == "canary-key" },
		},
		{
			name: "basic", header: "Authorization", badClass: webhook.ClassHTTPStatus,
			good: webhook.Auth{Type: webhook.AuthBasic, Username: "büro", Secret: secret("canary: pä/ss")},
			bad:  webhook.Auth{Type: webhook.AuthBasic, Username: "büro", Secret: secret("canary-other")},
			proves: func(r *http.Request, _ []byte) bool {
				user, password, ok := r.BasicAuth()
				return ok && user == "büro" && password == "canary: pä/ss"
			},
		},
		{
			name: "bearer", header: "Authorization", badClass: webhook.ClassHTTPStatus,
			good:   webhook.Auth{Type: webhook.AuthBearer, Secret: secret("canary-token")},
			bad:    webhook.Auth{Type: webhook.AuthBearer, Secret: secret("canary-other")},
			proves: func(r *http.Request, _ []byte) bool { return r.Header.Get("Authorization") == "Bearer canary-token" },
		},
		{
			name: "oauth2", header: "Authorization", badClass: webhook.ClassAuth,
			good: oauth("canary-client-secret"), bad: oauth("canary-other"),
			proves: func(r *http.Request, _ []byte) bool { return tokens.Accepts(r) },
		},
		{
			name: "custom", header: "X-House", badClass: webhook.ClassHTTPStatus,
			good: house("canary-house"), bad: house("canary-other"),
			proves: func(r *http.Request, _ []byte) bool { return r.Header.Get("X-House") == "canary-house/evt_1" },
		},
	}
	for _, alg := range []webhook.JWTAlgorithm{webhook.JWTHS256, webhook.JWTRS256, webhook.JWTES256, webhook.JWTEdDSA} {
		key, public := authtest.NewKey(string(alg))
		other, _ := authtest.NewKey(string(alg))
		jwt := func(text string) webhook.Auth {
			return webhook.Auth{Type: webhook.AuthJWT, Secret: secret(text), JWT: webhook.JWT{Algorithm: alg}}
		}
		schemes = append(schemes, scheme{
			name: string(alg), header: "Authorization", badClass: webhook.ClassHTTPStatus, good: jwt(key), bad: jwt(other),
			proves: func(r *http.Request, body []byte) bool {
				token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				claims, err := authtest.VerifyJWT(token, public, body, time.Now())
				return ok && err == nil && claims.Subject == "ep_1"
			},
		})
	}
	for _, tt := range schemes {
		t.Run(tt.name, func(t *testing.T) {
			var proof atomic.Value
			srv := enforcing(t, func(r *http.Request, body []byte) bool {
				proof.Store(r.Header.Get(tt.header))
				return tt.proves(r, body)
			})
			s := newSending(t)
			x := s.to(t, srv.URL, tt.good)
			if x.Attempt.Class != webhook.ClassNone || x.StatusCode != http.StatusOK {
				t.Errorf("attempt = %s, status %d; want it let in", x.Attempt.Class, x.StatusCode)
			}
			keepsNothing(t, x, tt.header, proof.Load().(string))
			if tt.unprovable {
				return
			}
			x = s.to(t, srv.URL, tt.bad)
			if x.Attempt.Class != tt.badClass {
				t.Errorf("attempt with another secret = %q; want %q: the receiver does not enforce it", x.Attempt.Class, tt.badClass)
			}
			keepsNothing(t, x, tt.header, proof.Load().(string))
			for _, entry := range s.log.All() {
				if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "canary") {
					t.Errorf("log says %s; want no credential in it", text)
				}
			}
		})
	}
}

// keepsNothing fails if an attempt has something of the proof that its request had.
func keepsNothing(t *testing.T, x send.Exchange, header, proof string) {
	t.Helper()
	a := x.Attempt
	if got, ok := a.RequestHeaders[header]; header != "" && ok && got != "***" {
		t.Errorf("the attempt keeps %s: %s; want it masked", header, got)
	}
	kept := fmt.Sprint(a.RequestHeaders, a.ResponseHeaders, string(a.ResponseBody))
	_, credential, _ := strings.Cut(proof, " ")
	for _, text := range []string{"canary", proof, credential} {
		if text != "" && strings.Contains(kept, text) {
			t.Errorf("the attempt keeps %q: %s", text, kept)
		}
	}
}

// A receiver that refuses a token is asked once more, with a new one, in the same
// attempt; if it refuses that too, its answer stands.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	client := authtest.Client{ID: "c1", Secret: "canary-client-secret"}
	tokens := authtest.NewTokenServer(t, client)
	var requests atomic.Int64
	shut := false
	srv := enforcing(t, func(r *http.Request, _ []byte) bool { requests.Add(1); return !shut && tokens.Accepts(r) })
	s := newSending(t)
	a := webhook.Auth{Type: webhook.AuthOAuth2, Secret: secret(client.Secret), OAuth2: webhook.OAuth2{TokenURL: tokens.URL, ClientID: "c1"}}
	wants := func(step string, x send.Exchange, class webhook.ErrorClass, status int, sent, asked int) {
		t.Helper()
		if x.Attempt.Class != class || x.StatusCode != status || int(requests.Load()) != sent || tokens.Requests() != asked {
			t.Errorf("%s: attempt = %q, status %d; %d requests so far and %d for tokens; want %q, %d, %d and %d",
				step, x.Attempt.Class, x.StatusCode, requests.Load(), tokens.Requests(), class, status, sent, asked)
		}
	}
	wants("first", s.to(t, srv.URL, a), webhook.ClassNone, 200, 1, 1)
	tokens.Revoke()
	wants("revoked", s.to(t, srv.URL, a), webhook.ClassNone, 200, 3, 2)
	shut = true
	wants("refused whatever the token", s.to(t, srv.URL, a), webhook.ClassHTTPStatus, 401, 4, 2)

	fresh := newSending(t)
	shut = false
	wants("another process", fresh.to(t, srv.URL, a), webhook.ClassNone, 200, 5, 3)
	tokens.Revoke()
	tokens.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	wants("revoked while the token endpoint is down", fresh.to(t, srv.URL, a), webhook.ClassAuth, 401, 6, 4)
	wants("no token", fresh.to(t, srv.URL, a), webhook.ClassAuth, 0, 6, 5)
}

// A scheme that panics costs its own delivery, and a scheme that is not there is an
// auth_error.
func TestCustomSchemeThatFails(t *testing.T) {
	srv := enforcing(t, func(*http.Request, []byte) bool { t.Error("a request was sent; want none"); return true })
	s := newSending(t)
	a := webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Secret: secret("canary-house"), Params: map[string]string{"panic": "1"}}
	if x := s.to(t, srv.URL, a); x.Class != webhook.ClassInternal {
		t.Errorf("attempt with a scheme that panics = %q; want internal", x.Class)
	}
	a.Scheme = "other"
	if x := s.to(t, srv.URL, a); x.Class != webhook.ClassAuth {
		t.Errorf("attempt with an unknown scheme = %q; want auth_error", x.Class)
	}
	for _, entry := range s.log.All() {
		if text := fmt.Sprint(entry.ContextMap()); strings.Contains(text, "canary-house") {
			t.Errorf("log says %s; want no credential in it", text)
		}
	}
}

// Who breaks an attempt off while it waits for a token has not found the endpoint
// at fault.
func TestCanceledWhileWaitingForAToken(t *testing.T) {
	tokens := authtest.NewTokenServer(t, authtest.Client{})
	ctx, cancel := context.WithCancelCause(t.Context())
	tokens.Answer(func(_ http.ResponseWriter, r *http.Request) { cancel(errors.New("stop")); <-r.Context().Done() })
	s := newSending(t)
	r := routeTo(t, webhook.Endpoint{Tenant: "acme", ID: "ep_1", URL: "http://127.0.0.1:1/", Auth: webhook.Auth{
		Type: webhook.AuthOAuth2, Secret: secret("x"), OAuth2: webhook.OAuth2{TokenURL: tokens.URL, ClientID: "c1"},
	}})
	if x := s.Send(ctx, r, send.NewMessage(&webhook.Event{ID: "evt_1", Data: []byte(`1`)}), time.Minute); x.Class != webhook.ClassCanceled {
		t.Errorf("attempt = %q; want canceled", x.Class)
	}
}
