package dispatcher_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// An endpoint with sources gets what they publish and nothing else, whichever way
// it was published.
func TestSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		all := w.endpoint("all", status(200))
		some := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://some.example/", Sources: []string{"billing", "shop"}}, status(200))
		defer w.run()()
		tx := st.Begin()
		for _, source := range []string{"", "billing", "shop", "bill"} {
			p := w.For(source)
			ev := event("a.b", source)
			ev.Source = "overruled"
			if _, err := p.Publish(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
			many := []webhook.Event{ev, ev}
			for _, r := range p.PublishMany(t.Context(), many) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			want(t, "source of the caller's events after PublishMany", many[0].Source, "overruled")
			if _, err := p.PublishTx(t.Context(), tx, ev); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second) // what was published in the transaction waits for a poll
		got := map[string]int{}
		for _, a := range w.net.to(some.URL) {
			_, data, _ := strings.Cut(a.body, `"data":`)
			got[strings.Trim(data, `"}`)]++
		}
		want(t, "events of billing", got["billing"], 4)
		want(t, "events of shop", got["shop"], 4)
		want(t, "sources that an endpoint for two got events of", len(got), 2)
		want(t, "events at an endpoint for all sources", len(w.net.to(all.URL)), 16)
	})
}
