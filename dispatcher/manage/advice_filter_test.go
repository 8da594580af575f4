package manage_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

// TestAdviceAboutFilters publishes events that no filter of some endpoints lets through.
func TestAdviceAboutFilters(t *testing.T) {
	engine, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, dispatcher.Config{Expressions: engine})
		ids := make(map[string]string)
		for name, filter := range map[string]string{"never": "data.n > 100", "often": "data.n > 20", "none": "", "late": "data.n > 1000"} {
			ep := newEndpoint()
			ep.Filter = filter
			stored, _, err := w.CreateEndpoint(t.Context(), ep)
			w.must(err, "CreateEndpoint")
			ids[name] = stored.ID
		}
		publish := func(n int) {
			t.Helper()
			for i := range n {
				_, err := w.d.Publish(t.Context(), webhook.Event{Tenant: acme, Type: "invoice.paid", Data: fmt.Appendf(nil, `{"n":%d}`, i)})
				w.must(err, "Publish")
				time.Sleep(10 * time.Second)
			}
		}
		stop := w.run()
		time.Sleep(2 * time.Hour)
		publish(30)
		_, err := w.UpdateEndpoint(t.Context(), acme, ids["late"], func(ep *webhook.Endpoint) error {
			ep.Filter = "data.n > 2000"
			return nil
		})
		w.must(err, "UpdateEndpoint")
		stop() // which writes what is left
		for name, want := range map[string]bool{"never": true, "often": false, "none": false, "late": false} {
			list, err := w.Advice(t.Context(), acme, ids[name])
			w.must(err, "Advice")
			got := false
			for _, a := range list {
				if a.Code == manage.AdviceFilter {
					got = true
					if a.Evidence["kept_back"] != "30" {
						t.Errorf("evidence = %v; want all 30 events, each counted once", a.Evidence)
					}
				}
			}
			if got != want {
				t.Errorf("advice for the endpoint %q = %+v; want %s: %v", name, list, manage.AdviceFilter, want)
			}
		}
		stats, err := w.store.Stats(t.Context(), acme, store.StatScope{Endpoint: ids["often"]}, time.Now().Add(-24*time.Hour), time.Now())
		w.must(err, "Stats")
		var sum webhook.Counts
		for _, s := range stats {
			sum.Merge(s.Counts)
		}
		if sum.Passed != 9 || sum.KeptBack != 21 {
			t.Errorf("of 30 events %d passed and %d were kept back; want 9 and 21", sum.Passed, sum.KeptBack)
		}
	})
}
