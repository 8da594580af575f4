package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// Programs have API keys and people tokens of the host's identity provider; both come from
// its own networks.
func Example() {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		panic(err)
	}
	m := manage.New(d)
	people, err := auth.JWT(auth.JWTConfig{
		Issuer: "https://login.example", Audience: "webhooks", JWKSURL: "https://login.example/.well-known/jwks.json",
	})
	if err != nil {
		panic(err)
	}
	networks, err := auth.NewAddresses("192.0.2.0/24", "2001:db8::/32")
	if err != nil {
		panic(err)
	}
	api, err := httpapi.New(m, httpapi.Config{Authenticate: networks.From(nil, auth.Chain(auth.APIKeys(m), people))})
	if err != nil {
		panic(err)
	}

	r := httptest.NewRequest(http.MethodGet, "/webhooks", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+newKey(m))
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	fmt.Println(answer.Code, answer.Body)
	// Output: 200 {"data":[],"next":null}
}

// newKey returns the secret of a new key, made by somebody who was let in before.
func newKey(m *manage.Manager) string {
	admin := webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin}
	_, secret, err := m.CreateAPIKey(context.Background(), admin, webhook.Token{Name: "deploy"})
	if err != nil {
		panic(err)
	}
	return secret.Reveal()
}

// newAPI is a management API as a test has it.
func newAPI(m *manage.Manager, authenticate auth.Func) http.Handler {
	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticate})
	if err != nil {
		panic(err)
	}
	return api
}

// testManager is a manager as a test has it: nothing is kept.
func testManager() *manage.Manager {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		panic(err)
	}
	return manage.New(d)
}

// get returns the status of the answer to somebody who shows a token, from an address.
func get(api http.Handler, token, address string) int {
	r := httptest.NewRequest(http.MethodGet, "/webhooks", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	r.RemoteAddr = net.JoinHostPort(address, "1024")
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	return answer.Code
}

// Programs show a key that an administrator has made for them.
func ExampleAPIKeys() {
	m := testManager()
	api := newAPI(m, auth.APIKeys(m))

	admin := webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin}
	key, secret, err := m.CreateAPIKey(context.Background(), admin, webhook.Token{Name: "deploy"})
	if err != nil {
		panic(err)
	}
	fmt.Println(get(api, secret.Reveal(), "192.0.2.7"))
	if err := m.RevokeAPIKey(context.Background(), "acme", key.ID); err != nil {
		panic(err)
	}
	fmt.Println(get(api, secret.Reveal(), "192.0.2.7"))
	// Output:
	// 200
	// 401
}

// A customer's page shows the console, or calls the API, with a token that its server has
// asked for, and that ends soon.
func ExamplePortalTokens() {
	m := testManager()
	api := newAPI(m, auth.Chain(auth.APIKeys(m), auth.PortalTokens(m)))

	admin := webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin}
	_, secret, err := m.CreatePortalToken(context.Background(), admin, webhook.Token{
		Role: webhook.RoleDeveloper, ExpiresAt: time.Now().Add(15 * time.Minute),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(get(api, secret.Reveal(), "192.0.2.7"))
	// Output: 200
}

// People have tokens of the host's identity provider.
func ExampleJWT() {
	public, private, err := ed25519.GenerateKey(rand.Reader) // the provider's
	if err != nil {
		panic(err)
	}
	people, err := auth.JWT(auth.JWTConfig{
		Issuer: "https://login.example", Audience: "webhooks",
		Keys: []auth.Key{{ID: "2026-03", Algorithm: "EdDSA", Key: public}}, // or JWKSURL, where it publishes them
		Principal: func(_ context.Context, c auth.Claims) (webhook.Principal, error) {
			var claims struct {
				Org    string   `json:"org"`
				Groups []string `json:"groups"`
			}
			if err := c.Decode(&claims); err != nil {
				return webhook.Principal{}, err
			}
			if !slices.Contains(claims.Groups, "webhooks") {
				return webhook.Principal{}, webhook.ErrForbidden // who it is is known, and that is not enough
			}
			return webhook.Principal{Tenant: claims.Org, Role: webhook.RoleDeveloper, Actor: c.Subject}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	api := newAPI(testManager(), people)

	for _, groups := range []string{`["webhooks"]`, `["sales"]`} {
		claims := fmt.Sprintf(`{"iss":"https://login.example","aud":"webhooks","sub":"ada","org":"acme","groups":%s,"exp":%d}`,
			groups, time.Now().Add(time.Minute).Unix())
		fmt.Println(groups, get(api, issue(private, claims), "192.0.2.7"))
	}
	// Output:
	// ["webhooks"] 200
	// ["sales"] 403
}

// issue returns a signed token, as an identity provider does.
func issue(key ed25519.PrivateKey, claims string) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: "2026-03"}}, nil)
	if err != nil {
		panic(err)
	}
	signed, err := s.Sign([]byte(claims))
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

// Only the host's networks are let in, whatever they show. The list can be changed while
// requests are served.
func ExampleNewAddresses() {
	m := testManager()
	networks, err := auth.NewAddresses("192.0.2.0/24", "2001:db8::/32")
	if err != nil {
		panic(err)
	}
	api := newAPI(m, networks.From(nil, auth.APIKeys(m)))
	key := newKey(m)

	fmt.Println(get(api, key, "192.0.2.7"), get(api, key, "198.51.100.7"))
	if err := networks.Set("192.0.2.0/24", "198.51.100.7"); err != nil {
		panic(err)
	}
	fmt.Println(get(api, key, "198.51.100.7"))
	// Output:
	// 200 403
	// 200
}

// Scripts have a name and a password from the host's configuration.
func ExampleBasic() {
	users, err := auth.Users(auth.User{
		Name: "backup", Password: "made-by-a-generator-7f3a9c", // at least auth.MinPassword bytes
		Principal: webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin},
	})
	if err != nil {
		panic(err)
	}
	api := newAPI(testManager(), auth.Basic(users)) // or a check of the host's own

	for _, password := range []string{"made-by-a-generator-7f3a9c", "wrong"} {
		r := httptest.NewRequest(http.MethodGet, "/webhooks", http.NoBody)
		r.SetBasicAuth("backup", password)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		fmt.Println(answer.Code)
	}
	// Output:
	// 200
	// 401
}

// Several ways to log in: the first that knows the credentials decides.
func ExampleChain() {
	m := testManager()
	session := func(r *http.Request) (webhook.Principal, error) { // the host's own
		if _, err := r.Cookie("session"); err != nil {
			return webhook.Principal{}, auth.ErrNone // the next is asked
		}
		return webhook.Principal{Tenant: "acme", Role: webhook.RoleDeveloper, Actor: "ada"}, nil
	}
	api := newAPI(m, auth.Chain(session, auth.APIKeys(m), auth.PortalTokens(m)))

	fmt.Println(get(api, newKey(m), "192.0.2.7"), get(api, "a guess", "192.0.2.7"))
	// Output: 200 401
}
