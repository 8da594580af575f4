package routers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/examples/routers"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func everybody(*http.Request) (webhook.Principal, error) {
	return webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Scopes: []string{"publish"}}, nil
}

// mounts are the ways to mount a handler under a prefix.
var mounts = map[string]func(prefix string, h http.Handler) http.Handler{
	"ServeMux": routers.ServeMux,
	"chi":      routers.Chi,
	"gin":      routers.Gin,
	"nested chi": func(prefix string, h http.Handler) http.Handler {
		i := strings.LastIndex(prefix, "/")
		if i <= 0 {
			return routers.Chi(prefix, h)
		}
		return routers.NestedChi(prefix[:i], prefix[i:], h)
	},
}

// TestRouters walks the main path in every router, under prefixes of two depths, and what
// is not there.
func TestRouters(t *testing.T) {
	t.Parallel()
	for name, mount := range mounts {
		for _, prefix := range []string{"/webhook-api", "/api/v1/platform"} {
			t.Run(name+prefix, func(t *testing.T) {
				t.Parallel()
				d, err := dispatcher.New(memstore.New(), dispatcher.Config{AllowPlaintextSecrets: true})
				if err != nil {
					t.Fatal(err)
				}
				api, err := httpapi.New(manage.New(d), httpapi.Config{Authenticate: everybody})
				if err != nil {
					t.Fatal(err)
				}
				walk(t, mount(prefix, api), prefix)
			})
		}
	}
}

func walk(t *testing.T, h http.Handler, prefix string) {
	t.Helper()
	call := func(method, path, body string, want int) (answer map[string]any) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, prefix+path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Fatalf("%s %s = %d %s; want %d", method, prefix+path, rec.Code, rec.Body, want)
		}
		_ = json.Unmarshal(rec.Body.Bytes(), &answer) // some have no body
		if allowed := rec.Header().Get("Allow"); want == http.StatusMethodNotAllowed && allowed != "GET, POST" {
			t.Errorf("%s %s allows %q; want GET, POST", method, prefix+path, allowed)
		}
		if kind := rec.Header().Get("Content-Type"); want >= 400 && kind != "application/problem+json" {
			t.Errorf("%s %s = %d of type %q; want a problem", method, prefix+path, want, kind)
		}
		return answer
	}
	id, _ := call("POST", "/webhooks", `{"url":"https://acme.example/hooks"}`, 201)["id"].(string)
	call("GET", "/webhooks/"+id, "", 200)
	call("POST", "/events", `{"type":"invoice.paid","data":1}`, 202)
	call("GET", "/webhooks/deliveries", "", 200) // not the webhook of that name
	call("GET", "/webhooks/"+id+"/deliveries", "", 200)
	call("GET", "/webhooks/"+id+"%2Fdeliveries", "", 404)
	call("GET", "/openapi.json", "", 200)
	call("GET", "/webhooks/", "", 404)
	call("GET", "/nothing", "", 404)
	call("PUT", "/webhooks", "", 405)
	call("DELETE", "/webhooks/"+id, "", 204)
}
