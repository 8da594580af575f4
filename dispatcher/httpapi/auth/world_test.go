package auth_test

import (
	"net/http"
	"net/http/httptest"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/webhook"
)

// with returns a request with headers of the name Authorization.
func with(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header["Authorization"] = values
	return r
}

func ada() webhook.Principal {
	return webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Actor: "ada"}
}

// returns is an authenticator of a test that always answers alike, and counts.
func returns(p webhook.Principal, err error) (authenticate auth.Func, asked *int) {
	asked = new(int)
	return func(*http.Request) (webhook.Principal, error) { *asked++; return p, err }, asked
}
