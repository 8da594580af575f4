package auth_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/webhook"
)

// secureTokens is a token endpoint over TLS whose certificate no public authority has
// signed. It notes client certificates that it is shown.
type secureTokens struct {
	*authtest.TokenServer
	url, authority string
	shown          atomic.Int64
}

func newSecureTokens(t *testing.T, newest uint16) *secureTokens {
	t.Helper()
	s := &secureTokens{TokenServer: authtest.NewTokenServer(t, client)}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.shown.Add(int64(len(r.TLS.PeerCertificates)))
		s.ServeHTTP(w, r)
	}))
	srv.TLS = &tls.Config{MaxVersion: newest, ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s.url = srv.URL
	s.authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	return s
}

// credentials are those of an endpoint with some TLS settings.
func (s *secureTokens) credentials(settings webhook.TLS) *auth.Credentials {
	ep := endpoint(oauth(s.url, client))
	ep.TLS = settings
	return auth.NewCredentials(ep)
}

// An endpoint's authorities and its minimum version hold for its token endpoint too. Its
// pins and its client certificate are about the receiver alone.
func TestTLSOfTokenEndpoint(t *testing.T) {
	old, s := newSecureTokens(t, tls.VersionTLS12), newSecureTokens(t, tls.VersionTLS13)
	certificate, key := authtest.NewClientCertificate()
	for _, tt := range []struct {
		name     string
		server   *secureTokens
		settings webhook.TLS
		good     bool
	}{
		{"no authorities", s, webhook.TLS{}, false},
		{"another's authorities", s, webhook.TLS{Authorities: certificate}, false},
		{"its authorities", s, webhook.TLS{Authorities: s.authority}, true},
		{"1.2 from a server of 1.2", old, webhook.TLS{Authorities: old.authority}, true},
		{"1.3 from a server of 1.2", old, webhook.TLS{Authorities: old.authority, MinVersion: webhook.TLS13}, false},
		{"pins of the receiver", s, webhook.TLS{Authorities: s.authority, Pins: []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, true},
		{"client certificate for the receiver", s, webhook.TLS{
			Authorities: s.authority, ClientCertificate: webhook.NewCredential(certificate), ClientKey: webhook.NewCredential(key),
		}, true},
	} {
		set, err := newAuthenticator(open(t)).Authenticate(t.Context(), tt.server.credentials(tt.settings), delivery(``))
		if tt.good != (err == nil && accepts(tt.server.TokenServer, set)) {
			t.Errorf("%s: Authenticate = %d headers, %v; want a token: %v", tt.name, len(set), err, tt.good)
		}
		if failure, ok := errors.AsType[*transport.Error](err); !tt.good && (!ok || failure.Class != webhook.ClassTLS) {
			t.Errorf("%s: Authenticate = %v; want a tls_error in it", tt.name, err)
		}
	}
	if n := s.shown.Load(); n != 0 {
		t.Errorf("the token endpoint was shown %d client certificates; want none: they are for the receiver", n)
	}
}

// A token that came over a connection of other settings is not shared.
func TestTokensOfOtherTLSAreApart(t *testing.T) {
	s := newSecureTokens(t, tls.VersionTLS13)
	a := newAuthenticator(open(t))
	if _, err := a.Authenticate(t.Context(), s.credentials(webhook.TLS{Authorities: s.authority}), delivery(``)); err != nil {
		t.Fatal(err)
	}
	if set, err := a.Authenticate(t.Context(), s.credentials(webhook.TLS{}), delivery(``)); err == nil {
		t.Errorf("Authenticate without the authorities = %d headers, no error; want none: the token of another endpoint was taken", len(set))
	}
	if _, err := a.Authenticate(t.Context(), s.credentials(webhook.TLS{Authorities: s.authority, MinVersion: webhook.TLS13}), delivery(``)); err != nil {
		t.Fatal(err)
	}
	if n := s.Requests(); n != 2 {
		t.Errorf("two settings made %d requests for tokens; want 2", n)
	}
}
