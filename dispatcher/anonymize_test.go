package dispatcher_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// The hash of a value is one for all endpoints of a tenant, through a change of the
// keyring, and another for each tenant.
func TestAnonymizingHashIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first, second := seal.NewKey(), seal.NewKey()
		ring := func(primary seal.Key, old ...seal.Key) *seal.Keyring {
			r, err := seal.NewKeyring(primary, old...)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		// hash publishes an event of a tenant and returns what stands in the place of a
		// value at each of its endpoints.
		hash := func(w *world, tenant string) []string {
			t.Helper()
			ev := event("user.created", map[string]string{"email": "jane@a.example", "plan": "gold"})
			ev.Tenant = tenant
			urls := map[string][]string{"acme": {"https://a.example/", "https://b.example/"}, "globex": {"https://g.example/"}}[tenant]
			stop := w.run()
			if _, err := w.Publish(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			stop()
			var hashes []string
			for _, url := range urls {
				arrived := w.net.to(url)
				a := arrived[len(arrived)-1]
				_, data, _ := strings.Cut(a.body, `"email":"`)
				text, _, _ := strings.Cut(data, `"`)
				if len(text) != 64 || strings.Contains(a.body, "jane") || !strings.Contains(a.body, `"plan":"gold"`) {
					t.Errorf("body = %s; want the email hashed, and nothing else", a.body)
				}
				hashes = append(hashes, text)
			}
			return hashes
		}
		w := newWorld(t, st, dispatcher.Config{Keyring: ring(first)})
		for _, ep := range []webhook.Endpoint{{Tenant: "acme", URL: "https://a.example/"}, {Tenant: "acme", URL: "https://b.example/"}, {Tenant: "globex", URL: "https://g.example/"}} {
			ep.Anonymize = []webhook.Anonymization{{Pointer: "/email", Action: webhook.AnonymizeHash}}
			w.create(ep, status(200))
		}
		acme, globex := hash(w, "acme"), hash(w, "globex")
		if len(acme) != 2 || len(globex) != 1 || acme[0] != acme[1] || acme[0] == globex[0] {
			t.Fatalf("hashes = %v and %v; want one for a tenant, and another for the other", acme, globex)
		}
		both := newWorld(t, st, dispatcher.Config{Keyring: ring(second, first), Transport: w.net})
		if _, err := both.Reseal(t.Context()); err != nil {
			t.Fatal(err)
		}
		rotated := newWorld(t, st, dispatcher.Config{Keyring: ring(second), Transport: w.net})
		rotated.net = w.net
		if again := hash(rotated, "acme"); len(again) != 2 || again[0] != acme[0] {
			t.Errorf("hashes under another keyring = %v; want %s", again, acme[0])
		}
	})
}
