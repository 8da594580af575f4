package dispatcher_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
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

// publishEveryWay publishes an event four times: alone, with others, in a transaction
// and to all tenants.
func (w *world) publishEveryWay(tx store.Tx, ev webhook.Event) {
	w.t.Helper()
	if _, err := w.Publish(w.t.Context(), ev); err != nil {
		w.t.Fatal(err)
	}
	if r := w.PublishMany(w.t.Context(), []webhook.Event{ev}); r[0].Err != nil {
		w.t.Fatal(r[0].Err)
	}
	if _, err := w.PublishTx(w.t.Context(), tx, ev); err != nil {
		w.t.Fatal(err)
	}
	ev.Tenant = ""
	if _, err := w.Broadcast(w.t.Context(), ev); err != nil {
		w.t.Fatal(err)
	}
}

// An endpoint with channels gets the events that share one, one without gets all,
// whichever way they were published, and operational events whatever its channels.
func TestChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		all := w.endpoint("all", status(200), "a.b")
		some := w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://some.example/", Channels: []string{"red", "blue"}, EventTypes: []string{"a.b", "webhook.endpoint.paused"},
		}, status(200))
		stop := w.run()
		tx := st.Begin()
		for _, channels := range [][]string{nil, {"green"}, {"green", "red"}, {"blue", "red"}, {"re"}} {
			ev := event("a.b", strings.Join(channels, " "))
			ev.Channels = channels
			w.publishEveryWay(tx, ev)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		got := map[string]int{}
		for _, a := range w.net.to(some.URL) {
			_, data, _ := strings.Cut(a.body, `"data":`)
			got[strings.Trim(data, `"}`)]++
		}
		want(t, "events of red and green", got["green red"], 4)
		want(t, "events of both channels", got["blue red"], 4)
		want(t, "kinds of events at an endpoint with channels", len(got), 2)
		want(t, "events at an endpoint without", len(w.net.to(all.URL)), 20)
		if _, err := w.manage.Pause(t.Context(), "acme", all.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		want(t, "events at an endpoint with channels after an operational one", len(w.net.to(some.URL)), 9)
		stop()
		events, err := st.ListEvents(t.Context(), "acme", store.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, ev := range events {
			kept += len(ev.Channels)
		}
		want(t, "channels in the history", kept, 4*6)
	})
}
