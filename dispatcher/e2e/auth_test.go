package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// house is a scheme of the host's own.
var house = map[string]auth.Scheme{"house": auth.SchemeFunc(func(_ context.Context, req *auth.Request) (http.Header, error) {
	return http.Header{"X-House": {req.Secret.Reveal()}}, nil
})}

// doorkeeper lets in who proves who it is, repeats to everyone what it was sent, and
// remembers all proofs that it has seen.
type doorkeeper struct {
	*httptest.Server
	mu     sync.Mutex
	proofs []string
}

func newDoorkeeper(t testing.TB, proves func(r *http.Request, body []byte) bool, clients *x509.CertPool) *doorkeeper {
	d := new(doorkeeper)
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d.mu.Lock()
		for _, name := range []string{"Authorization", "X-Api-Key", "X-House"} {
			if value := r.Header.Get(name); value != "" {
				_, credential, ok := strings.Cut(value, " ")
				if !ok {
					credential = value
				}
				d.proofs = append(d.proofs, credential)
			}
		}
		d.mu.Unlock()
		if !proves(r, body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, r.Header)
	}))
	if clients == nil {
		d.Start()
	} else {
		d.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
		d.StartTLS()
	}
	t.Cleanup(d.Close)
	return d
}

func (d *doorkeeper) seen() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.proofs)
}

// guarded is an endpoint and the receiver that enforces its authentication.
type guarded struct {
	webhook.Endpoint
	*doorkeeper
}

// guardedEndpoints returns an endpoint for each way of authentication, with a secret
// that canary is told of.
func guardedEndpoints(t testing.TB, canary func(name, text string) string) []guarded {
	t.Helper()
	secret := func(name, text string) webhook.Credential { return webhook.NewCredential(canary(name, text)) }
	header := func(name, value string) func(*http.Request, []byte) bool {
		return func(r *http.Request, _ []byte) bool { return r.Header.Get(name) == value }
	}
	client := authtest.Client{ID: "c1", Secret: canary("client secret", "CANARY-client-2b9e")}
	tokens := authtest.NewTokenServer(t, client)
	list := []guarded{
		{
			webhook.Endpoint{Auth: webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret("API key", "CANARY-api-key-31f0")}},
			newDoorkeeper(t, header("X-Api-Key", "CANARY-api-key-31f0"), nil),
		},
		{
			webhook.Endpoint{Auth: webhook.Auth{Type: webhook.AuthBasic, Username: "ann", Secret: secret("password", "CANARY-password-7c44")}},
			newDoorkeeper(t, func(r *http.Request, _ []byte) bool {
				user, password, _ := r.BasicAuth()
				return user == "ann" && password == "CANARY-password-7c44"
			}, nil),
		},
		{
			webhook.Endpoint{Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: secret("bearer token", "CANARY-bearer-09aa")}},
			newDoorkeeper(t, header("Authorization", "Bearer CANARY-bearer-09aa"), nil),
		},
		{
			webhook.Endpoint{Auth: webhook.Auth{
				Type: webhook.AuthOAuth2, Secret: webhook.NewCredential(client.Secret), OAuth2: webhook.OAuth2{TokenURL: tokens.URL, ClientID: client.ID},
			}},
			newDoorkeeper(t, func(r *http.Request, _ []byte) bool { return tokens.Accepts(r) }, nil),
		},
		{
			webhook.Endpoint{Auth: webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Secret: secret("secret of a scheme", "CANARY-house-5d21")}},
			newDoorkeeper(t, header("X-House", "CANARY-house-5d21"), nil),
		},
	}
	for _, alg := range []webhook.JWTAlgorithm{webhook.JWTHS256, webhook.JWTRS256, webhook.JWTES256, webhook.JWTEdDSA} {
		key, public := authtest.NewKey(string(alg))
		canary("key of "+string(alg), lineOf(key))
		list = append(list, guarded{
			webhook.Endpoint{Auth: webhook.Auth{Type: webhook.AuthJWT, Secret: webhook.NewCredential(key), JWT: webhook.JWT{Algorithm: alg}}},
			newDoorkeeper(t, func(r *http.Request, body []byte) bool {
				_, err := authtest.VerifyJWT(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), public, body, time.Now())
				return err == nil
			}, nil),
		})
	}
	certificate, key := authtest.NewClientCertificate()
	canary("client key", lineOf(key))
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(certificate))
	mutual := newDoorkeeper(t, func(r *http.Request, _ []byte) bool { return len(r.TLS.PeerCertificates) == 1 }, clients)
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mutual.Certificate().Raw})
	return append(list, guarded{webhook.Endpoint{TLS: webhook.TLS{
		ClientCertificate: webhook.NewCredential(certificate), ClientKey: webhook.NewCredential(key), Authorities: string(own),
	}}, mutual})
}

// lineOf returns a line of PEM, which stands in JSON as it is, or all of another
// secret.
func lineOf(secret string) string {
	if lines := strings.Split(secret, "\n"); len(lines) > 2 {
		return lines[1]
	}
	return secret
}

// createGuarded creates such endpoints, all of which want events of one type.
func (h *host) createGuarded(list []guarded, eventType string) (ids []string) {
	for _, g := range list {
		g.Endpoint.URL, g.EventTypes = g.doorkeeper.URL, []string{eventType}
		ep, _ := h.create(g.Endpoint)
		ids = append(ids, ep.ID)
	}
	return ids
}

// An event reaches the receivers of all ways of authentication, through a file and
// back after a restart.
func TestDeliveriesAreAuthenticated(t *testing.T) {
	t.Parallel()
	list := guardedEndpoints(t, func(_, text string) string { return text })
	path := databaseFile(t)
	first := newHost(t, openStore(t, path), dispatcher.Config{AuthSchemes: house})
	first.createGuarded(list, "a")
	first.publish(event("a", 1))
	second := newHost(t, first.Store(), dispatcher.Config{AuthSchemes: house})
	second.start()
	eventually(t, "some receivers do not let deliveries in", func() bool {
		return second.count(store.DeliveryFilter{}, webhook.DeliveryDelivered) == len(list)
	})
	for _, d := range second.deliveries(tenant, store.DeliveryFilter{}) {
		if attempts := second.attempts(d); len(attempts) != 1 {
			t.Errorf("delivery to %s took %d attempts; want 1", d.EndpointID, len(attempts))
		}
	}
}

// A receiver at another address is shown none of the credentials that were given for
// the one before, also if it is the endpoint's next.
func TestMovedEndpointShowsNoCredentials(t *testing.T) {
	t.Parallel()
	old, next := newReceiver(t, nil), newReceiver(t, nil)
	h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
	h.start()
	ep, _ := h.create(webhook.Endpoint{
		URL: old.URL, Headers: map[string]string{"X-Own": "CANARY-own"},
		Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("CANARY-bearer")},
	})
	arrives := func(at *receiver) http.Header {
		h.publish(event("a", 1))
		eventually(t, "the event does not arrive", func() bool { return at.count() == 1 })
		return at.got()[0].header
	}
	if got := arrives(old); got.Get("Authorization") != "Bearer CANARY-bearer" || got.Get("X-Own") != "CANARY-own" {
		t.Errorf("the receiver got %v; want the credentials that were given for it", got)
	}
	if _, err := h.manage.UpdateEndpoint(t.Context(), tenant, ep.ID, func(ep *webhook.Endpoint) error { ep.URL = next.URL; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := arrives(next); strings.Contains(fmt.Sprint(got), "CANARY") || got.Get("Webhook-Signature") == "" {
		t.Errorf("the receiver at another address got %v; want a signature and no credentials", got)
	}
}
