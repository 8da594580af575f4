package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// login stands for the host's own: it knows who makes a request by a cookie or a header.
// Package auth has API keys, JWTs and others.
func login(r *http.Request) (webhook.Principal, error) {
	switch user, _, _ := r.BasicAuth(); user {
	case "ada":
		return webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Actor: user, Scopes: []string{"publish"}}, nil
	case "bob":
		return webhook.Principal{Tenant: "acme", Role: webhook.RoleDeveloper, Actor: user}, nil
	default:
		return webhook.Principal{}, fmt.Errorf("nobody is logged in")
	}
}

// newAPI is the API over a store in memory.
func newAPI(cfg httpapi.Config) http.Handler {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	api, err := httpapi.New(manage.New(d), cfg)
	if err != nil {
		log.Fatal(err)
	}
	return api
}

// call makes a request as a user.
func call(h http.Handler, user, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(user, "")
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// The API below a prefix of the host's router, behind the host's login.
func ExampleNew() {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	api, err := httpapi.New(manage.New(d), httpapi.Config{Authenticate: login})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/platform/", http.StripPrefix("/api/v1/platform", api))

	answer := call(mux, "ada", http.MethodPost, "/api/v1/platform/webhooks",
		`{"url":"https://acme.example/hooks","event_types":["invoice.*"]}`)
	var created struct {
		URL    string
		Status string
		Secret string // only now
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &created); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Code, created.URL, created.Status, len(created.Secret) > 0)

	fmt.Println(call(mux, "nobody", http.MethodGet, "/api/v1/platform/webhooks", "").Code)
	fmt.Println(call(mux, "nobody", http.MethodGet, "/api/v1/platform/openapi.json", "").Code) // for makers of clients
	// Output:
	// 201 https://acme.example/hooks active true
	// 401
	// 200
}

// Services that are not in Go publish over the API. That takes the scope "publish".
func ExampleNew_publish() {
	api := newAPI(httpapi.Config{Authenticate: login})
	event := `{"type":"invoice.paid","data":{"total":4200},"idempotency_key":"invoice.paid/inv_1"}`

	for _, user := range []string{"ada", "ada", "bob"} {
		answer := call(api, user, http.MethodPost, "/events", event)
		var receipt struct{ Duplicate bool }
		if err := json.Unmarshal(answer.Body.Bytes(), &receipt); err != nil {
			log.Fatal(err)
		}
		fmt.Println(user, answer.Code, "duplicate:", receipt.Duplicate)
	}
	// Output:
	// ada 202 duplicate: false
	// ada 202 duplicate: true
	// bob 403 duplicate: false
}

// Nobody keeps the API busy alone. A Limiter of the host's own can count for its other APIs
// too.
func ExampleNewLimiter() {
	limiter, err := httpapi.NewLimiter(0.01, 2) // two at once, then one every 100 s
	if err != nil {
		log.Fatal(err)
	}
	api := newAPI(httpapi.Config{Authenticate: login, Limiter: limiter})

	for _, user := range []string{"ada", "ada", "ada", "bob"} {
		answer := call(api, user, http.MethodGet, "/webhooks", "")
		fmt.Println(user, answer.Code, "wait:", answer.Header().Get("Retry-After") != "")
	}
	// Output:
	// ada 200 wait: false
	// ada 200 wait: false
	// ada 429 wait: true
	// bob 200 wait: false
}

// Beyond roles, the host says who may do what: here only administrators delete.
func ExampleConfig_authorize() {
	api := newAPI(httpapi.Config{
		Authenticate: login,
		Authorize: func(_ context.Context, p webhook.Principal, action httpapi.Action, resource string) error {
			if action == httpapi.DeleteWebhook && p.Role != webhook.RoleAdmin {
				return fmt.Errorf("%s may not delete %s", p.Actor, resource)
			}
			return nil
		},
	})
	created := call(api, "bob", http.MethodPost, "/webhooks", `{"url":"https://acme.example/hooks"}`)
	path := "/" + created.Header().Get("Location") // it is relative to where the API is

	for _, user := range []string{"bob", "ada"} {
		fmt.Println(user, call(api, user, http.MethodDelete, path, "").Code)
	}
	// Output:
	// bob 403
	// ada 204
}
