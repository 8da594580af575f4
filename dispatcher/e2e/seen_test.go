package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// remote is the management API of a process, as who has an API key sees it.
type remote struct {
	t   *testing.T
	api http.Handler
	key string
}

func newRemote(t *testing.T, h *host, key string) *remote {
	t.Helper()
	api, err := httpapi.New(h.manage, httpapi.Config{Authenticate: auth.APIKeys(h.manage)})
	if err != nil {
		t.Fatal(err)
	}
	return &remote{t, api, key}
}

// call makes a request and returns the answer's status and fields.
func (r *remote) call(method, path, body string) (int, map[string]any) {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	r.api.ServeHTTP(answer, req)
	var fields map[string]any
	_ = json.Unmarshal(answer.Body.Bytes(), &fields) // some have none
	return answer.Code, fields
}

func (r *remote) must(want int, method, path, body string) map[string]any {
	r.t.Helper()
	status, fields := r.call(method, path, body)
	if status != want {
		r.t.Fatalf("%s %s = %d %v; want %d", method, path, status, fields, want)
	}
	return fields
}

// What one process changes is seen by its own next request, and by another process within
// a second: a webhook, the addresses that it may have, and a key that is revoked.
func testChangesAreSeenElsewhere(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := databaseFile(t)
		changesAreSeen(t, openStore(t, path), openStore(t, path))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		st, _ := openPostgres(t, 0)
		changesAreSeen(t, st, st) // what is remembered is remembered by dispatchers
	})
}

func changesAreSeen(t *testing.T, one, two store.Store) {
	h, other := newHost(t, one, dispatcher.Config{}), newHost(t, two, dispatcher.Config{})
	other.start()
	rc := newReceiver(t, nil)
	by := webhook.Principal{Tenant: tenant, Role: webhook.RoleAdmin, Scopes: []string{"publish"}}
	key, secret, err := h.manage.CreateAPIKey(t.Context(), by, webhook.Token{Name: "test", Role: by.Role, Scopes: by.Scopes})
	if err != nil {
		t.Fatal(err)
	}
	here, there := newRemote(t, h, secret.Reveal()), newRemote(t, other, secret.Reveal())

	there.must(http.StatusAccepted, "POST", "/events", `{"type":"a.b","data":0}`) // it knows of no webhook now
	id, _ := here.must(http.StatusCreated, "POST", "/webhooks", `{"url":"`+strings.Replace(rc.URL, "127.0.0.1", "localhost", 1)+`"}`)["id"].(string)
	if got := there.must(http.StatusAccepted, "POST", "/events", `{"type":"a.b","data":1}`); got["deliveries"] != 1.0 {
		t.Errorf("an event that another process publishes next = %v; want a delivery to the new webhook", got)
	}
	eventually(t, "the event does not arrive", func() bool { return rc.count() > 0 })
	for _, r := range []*remote{here, there} {
		r.must(http.StatusOK, "PATCH", "/webhooks/"+id, `{"description":"changed"}`)
		for _, reader := range []*remote{here, there} {
			if got := reader.must(http.StatusOK, "GET", "/webhooks/"+id, ""); got["description"] != "changed" {
				t.Errorf("the next GET = %v; want the change", got["description"])
			}
		}
		r.must(http.StatusOK, "PATCH", "/webhooks/"+id, `{"description":""}`)
	}

	held := stalls.Start()
	defer held.Stop()
	here.must(http.StatusOK, "PATCH", "/webhooks/"+id, `{"allowed_ips":["192.0.2.0/24"]}`)
	changed := time.Now()
	holdsWithin(elsewhere+200*time.Millisecond, func() bool {
		there.must(http.StatusAccepted, "POST", "/events", `{"type":"a.b","data":2}`)
		return false
	})
	for _, a := range rc.got() {
		if late, most := a.at.Sub(changed), elsewhere+held.Total(); late > most {
			t.Errorf("a request arrived %v after its address was taken off the list; want %v at most", late, most)
		}
	}
	// The receiver takes all that it gets, so what fails did not get there.
	eventually(t, "nothing fails, so the list keeps nothing back", func() bool { return other.fails(id) })

	there.must(http.StatusOK, "GET", "/webhooks", "") // it knows the key now
	here.must(http.StatusNoContent, "DELETE", "/api-keys/"+key.ID, "")
	revoked := time.Now()
	here.must(http.StatusUnauthorized, "GET", "/webhooks", "")
	eventually(t, "the revoked key lets in elsewhere", func() bool {
		asked := time.Now()
		status, _ := there.call("GET", "/webhooks", "")
		if late, most := asked.Sub(revoked), elsewhere+held.Total(); status == http.StatusOK && late > most {
			t.Errorf("the key let in %v after it was revoked; want %v at most", late, most)
		}
		return status == http.StatusUnauthorized
	})
}

// fails reports whether attempts to reach an endpoint fail.
func (h *host) fails(endpoint string) bool {
	h.t.Helper()
	health, err := h.manage.Health(h.t.Context(), tenant, endpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	return health.Failures > 0
}
