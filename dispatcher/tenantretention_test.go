package dispatcher_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestTenantRetention has a tenant whose plan keeps things for two days, one that asks
// for more than the host keeps anything, and one whose plan is not told.
func TestTenantRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := func(_ context.Context, tenant string) (webhook.Limits, error) {
			switch tenant {
			case "acme":
				return webhook.Limits{Retention: 6 * time.Hour}, nil
			case "greedy":
				return webhook.Limits{Retention: 1000 * time.Hour}, nil
			case "unknown":
				if time.Now().Hour() > 1 { // published at midnight, when it was told
					return webhook.Limits{}, errors.New("no plan")
				}
			}
			return webhook.Limits{}, nil
		}
		w := newWorld(t, nil, dispatcher.Config{Limits: limits, Retention: dispatcher.Retention{Payloads: 9 * time.Hour, Deliveries: 12 * time.Hour}})
		defer w.run()()
		tenants := []string{"acme", "greedy", "unknown", "zeta"}
		first := make(map[string]string)
		for _, tenant := range tenants {
			w.create(webhook.Endpoint{Tenant: tenant, URL: "https://" + tenant + ".example/"}, status(200))
			ev := event("a.b", 1)
			ev.Tenant = tenant
			r, err := w.Publish(t.Context(), ev)
			if err != nil {
				t.Fatal(err)
			}
			first[tenant] = r.EventID
		}
		kept := func(tenant string) bool {
			_, err := w.Store().Event(t.Context(), tenant, first[tenant])
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		wait(5 * time.Hour)
		if !kept("acme") {
			t.Error("an event is gone after 5 hours; want it kept for 6")
		}
		wait(3 * time.Hour)
		if kept("acme") {
			t.Error("an event is there after 8 hours; want it gone after 6 and at most one more")
		}
		for _, tenant := range tenants[1:] {
			if !kept(tenant) {
				t.Errorf("an event of %s is gone after 8 hours; want it kept for as long as the host does", tenant)
			}
		}
		wait(6 * time.Hour)
		if kept("greedy") {
			t.Error("an event of a plan with a longer retention is there after 14 hours; want the host's 12 to count")
		}
	})
}
