package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

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
