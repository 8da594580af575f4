package console_test

import (
	"flag"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
)

var consoleDeliveries = flag.Int("console.deliveries", 230, "deliveries of 30 days that TestPagesAreQuick has in the store; with 1000000, which takes minutes, it also holds each page to 100 ms")

// pageBound is what a page may take on the server with a million deliveries.
const pageBound = 100 * time.Millisecond

// TestPagesAreQuick opens every page over a store with deliveries of a month: by a process
// that knows nothing yet, and then again; with a million the best of three such times.
func TestPagesAreQuick(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "w.db")
	of := fillStore(t, path, *consoleDeliveries)
	pages := make([]string, 0, 40)
	for _, rt := range everyRoute(of) {
		if rt.method == http.MethodGet && !strings.Contains(rt.path, "/export") && !strings.HasPrefix(rt.path, "/redeliveries/") {
			pages = append(pages, rt.path)
		}
	}
	pages = append(pages, "/analytics?range=month", "/analytics?range=year", "/"+of.endpoint+"?range=month", "/"+of.endpoint+"/deliveries?status=failed", "/history?status=failed", "/?q=hooks")
	cold, warm := make(map[string]time.Duration), make(map[string]time.Duration)
	rounds := 1
	if *consoleDeliveries >= 1_000_000 {
		rounds = 3
	}
	for range rounds {
		ui := openStore(t, path)
		for _, times := range []map[string]time.Duration{cold, warm} {
			for _, page := range pages {
				began := time.Now()
				send(t, ui, asHost, http.MethodGet, page, nil).is(http.StatusOK)
				if took := time.Since(began); times[page] == 0 || took < times[page] {
					times[page] = took
				}
			}
		}
	}
	for _, page := range pages {
		t.Logf("%-45.45s cold %7.1f ms, warm %7.1f ms", page, float64(cold[page].Microseconds())/1e3, float64(warm[page].Microseconds())/1e3)
		if *consoleDeliveries >= 1_000_000 && cold[page] > pageBound {
			t.Errorf("%s takes %v with %d deliveries; want at most %v", page, cold[page], *consoleDeliveries, pageBound)
		}
	}
}

// openStore returns the console over the file, in a new process.
func openStore(t *testing.T, path string) http.Handler {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	types := catalog.New()
	if err := telecom.Register(types); err != nil {
		t.Fatal(err)
	}
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, Logger: zap.NewNop(), EventTypes: types.Types()})
	if err != nil {
		t.Fatal(err)
	}
	ui, err := console.New(manage.New(d), console.Config{Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	return ui
}

// hooksOfStore is as many webhooks as a page of the overview shows.
const hooksOfStore = 20

// fillStore writes n deliveries of 30 days to the file, as the engine does: of 20 webhooks
// and four event types, every fiftieth failed. It returns what pages are about.
func fillStore(t *testing.T, path string, n int) (of things) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := sqlite.Open(ctx, path)
	must(err)
	defer st.Close()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, Logger: zap.NewNop()})
	must(err)
	m := manage.New(d)
	if _, err := m.RegisterEventType(ctx, webhook.EventType{Name: "own.type"}); err != nil {
		t.Fatal(err)
	}
	var hooks []string
	for i := range hooksOfStore {
		ep, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: acme, URL: fmt.Sprintf("https://r%d.example/hooks", i), Labels: []string{"eu"}})
		must(err)
		hooks = append(hooks, ep.ID)
	}
	of.endpoint = hooks[0]
	const month = 30 * 24 * time.Hour
	end := time.Now()
	at := end.Add(-month)
	epoch, err := st.Acquire(ctx, at, store.Process{}, 2*month)
	must(err)
	_, revision, err := st.TenantEndpoints(ctx, acme, 0)
	must(err)
	const together = 23 // in a transaction: one a minute for a million
	step := time.Duration(math.Ceil(float64(month) * together / float64(n)))
	for done, folded := 0, at; done < n; done += together {
		var pubs []store.Publication
		ends := store.Settlement{Epoch: epoch}
		for i := done; i < min(done+together, n); i++ {
			ev := webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: []string{"user.registered", "sms.sent", "voice.completed", "email.sent"}[i%4], Data: []byte(`{"n":1}`), Timestamp: at}
			id, hook := webhook.NewID(webhook.PrefixDelivery), hooks[i%len(hooks)]
			pubs = append(pubs, store.Publication{Event: ev, Revision: revision, Epoch: epoch, Deliveries: []store.NewDelivery{{ID: id, Endpoint: hook, HandOver: true}}})
			item := store.Settled{
				Tenant: acme, Delivery: id, Endpoint: hook, EventType: ev.Type, Claim: 1, Status: webhook.DeliveryDelivered,
				Attempt: &webhook.Attempt{ID: webhook.NewID(webhook.PrefixAttempt), N: 1, At: at, StatusCode: http.StatusOK, Timings: webhook.Timings{Total: time.Duration(1+i%997) * time.Millisecond}},
			}
			if i%50 == 0 {
				item.Status, item.Attempt.StatusCode, item.Attempt.Class = webhook.DeliveryFailed, http.StatusBadGateway, webhook.ClassHTTPStatus
			}
			ends.Items = append(ends.Items, item)
			if hook == of.endpoint {
				of.delivery, of.event = id, ev.ID
			}
		}
		_, err := st.Publish(ctx, at, pubs)
		must(err)
		settled, err := st.Settle(ctx, at, ends)
		must(err)
		if len(settled.Lost) > 0 {
			t.Fatalf("Settle lost %d of %d", len(settled.Lost), len(ends.Items))
		}
		if at = at.Add(step); at.Sub(folded) >= 24*time.Hour || done+together >= n {
			folded = at
			year := 365 * 24 * time.Hour
			for more := true; more; {
				p, err := st.Prune(ctx, at, store.Retention{Payloads: year, Deliveries: year, Statistics: year, Audit: year, Tombstones: year}, store.MaxPage)
				must(err)
				more = p.More
			}
		}
	}
	return of
}
