package manage_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// try creates an endpoint and sends a test to it.
func try(ep webhook.Endpoint) {
	m, _ := newManager()
	tryWith(m, ep)
}

func tryWith(m *manage.Manager, ep webhook.Endpoint) {
	ep.Tenant = "acme"
	ep, _, err := m.CreateEndpoint(context.Background(), ep)
	if err != nil {
		log.Fatal(err)
	}
	result, err := m.TestEndpoint(context.Background(), "acme", ep.ID, manage.Test{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("delivered:", result.Delivered)
}

// receiver answers 401 to requests that are not proven.
func receiver(proven func(r *http.Request) bool) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !proven(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
}

func ExampleManager_CreateEndpoint_apiKey() {
	srv := receiver(func(r *http.Request) bool { return r.Header.Get("X-Api-Key") == "key-123" })
	defer srv.Close()

	try(webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{Type: webhook.AuthAPIKey, Secret: webhook.NewCredential("key-123")}})
	// Output: delivered: true
}

func ExampleManager_CreateEndpoint_basic() {
	srv := receiver(func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == "postrider" && password == "pa55"
	})
	defer srv.Close()

	try(webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{
		Type: webhook.AuthBasic, Username: "postrider", Secret: webhook.NewCredential("pa55"),
	}})
	// Output: delivered: true
}

func ExampleManager_CreateEndpoint_bearer() {
	srv := receiver(func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer token-123" })
	defer srv.Close()

	try(webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("token-123")}})
	// Output: delivered: true
}

// The receiver verifies the token with the public key, and what it says of the
// request.
func ExampleManager_CreateEndpoint_jwt() {
	privatePEM, public := authtest.NewKey("EdDSA")
	srv := receiver(func(r *http.Request) bool {
		token, err := jose.ParseSignedCompact(r.Header.Get("Authorization")[len("Bearer "):], []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return false
		}
		payload, err := token.Verify(public)
		var claims struct {
			Iss, Aud   string
			BodySHA256 string `json:"body_sha256"`
		}
		return err == nil && json.Unmarshal(payload, &claims) == nil && claims.Iss == "shop" && len(claims.BodySHA256) == 64
	})
	defer srv.Close()

	try(webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{
		Type: webhook.AuthJWT, Secret: webhook.NewCredential(privatePEM),
		JWT: webhook.JWT{Algorithm: webhook.JWTEdDSA, Issuer: "shop", Audience: "hooks"},
	}})
	// Output: delivered: true
}

func ExampleManager_CreateEndpoint_oAuth2() {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id == "shop" && secret == "s3cret" && r.FormValue("scope") == "hooks:write" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"token-123","token_type":"Bearer","expires_in":3600}`)
		}
	}))
	defer login.Close()
	srv := receiver(func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer token-123" })
	defer srv.Close()

	try(webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{
		Type: webhook.AuthOAuth2, Secret: webhook.NewCredential("s3cret"),
		OAuth2: webhook.OAuth2{TokenURL: login.URL + "/token", ClientID: "shop", Scopes: []string{"hooks:write"}},
	}})
	// Output: delivered: true
}

// A scheme of the host's own signs the body under a header of its own.
func ExampleManager_CreateEndpoint_customScheme() {
	sum := func(key string, body []byte) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	house := auth.SchemeFunc(func(_ context.Context, req *auth.Request) (http.Header, error) {
		return http.Header{"X-House-Sum": {sum(req.Secret.Reveal(), req.Body)}}, nil
	})
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		AuthSchemes: map[string]auth.Scheme{"house": house},
		HTTP:        transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	srv := receiver(func(r *http.Request) bool { return len(r.Header.Get("X-House-Sum")) == 64 })
	defer srv.Close()

	tryWith(manage.New(d), webhook.Endpoint{URL: srv.URL, Auth: webhook.Auth{
		Type: webhook.AuthCustom, Scheme: "house", Secret: webhook.NewCredential("k3y"),
	}})
	// Output: delivered: true
}

// A client certificate, for a receiver whose own certificate is by an authority that
// only this endpoint trusts, and whose key is pinned.
func ExampleManager_CreateEndpoint_clientCertificate() {
	certificate, key := authtest.NewClientCertificate()
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(certificate))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("client:", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	srv.StartTLS()
	defer srv.Close()
	pin := sha256.Sum256(srv.Certificate().RawSubjectPublicKeyInfo)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})

	try(webhook.Endpoint{URL: srv.URL, TLS: webhook.TLS{
		MinVersion:  webhook.TLS13,
		Authorities: string(authority),
		Pins:        []string{base64.StdEncoding.EncodeToString(pin[:])},

		ClientCertificate: webhook.NewCredential(certificate),
		ClientKey:         webhook.NewCredential(key),
	}})
	// Output:
	// client: client
	// delivered: true
}
