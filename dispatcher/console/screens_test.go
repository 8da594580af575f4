package console_test

import (
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestScreens looks at every page in light and dark, on a desktop and on a phone: nothing
// goes wrong in the browser, nothing comes from elsewhere, and everything can be read.
func TestScreens(t *testing.T) {
	t.Parallel()
	b := browser(t)
	w := newLive(t)
	good, bad, paused := w.furnish()
	delivered := w.settled(store.DeliveryFilter{Endpoint: good.ID, Status: webhook.DeliveryDelivered}, 1)[0]
	failed := w.settled(store.DeliveryFilter{Endpoint: bad.ID, Status: webhook.DeliveryFailed}, 1)[0]
	for _, token := range []webhook.Token{{Name: "billing-export", Scopes: []string{"event-types"}}, {Name: "dashboard", Role: webhook.RoleViewer}} {
		if _, _, err := w.m.CreateAPIKey(w.t.Context(), webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin, Scopes: []string{"event-types"}}, token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.m.RegisterEventType(t.Context(), webhook.EventType{Name: "order.shipped", Group: "Orders", Description: "An order is on its way.", Example: []byte(`{"id":"ord_1"}`)}); err != nil {
		t.Fatal(err)
	}
	pages := []struct{ name, path string }{
		{"overview", ""},
		{"overview-nothing", "?q=nothing"},
		{"create", "create"},
		{"details", good.ID},
		{"details-bad", bad.ID},
		{"details-paused", paused.ID},
		{"edit", good.ID + "/edit"},
		{"test", good.ID + "/test?event_type=user.registered"},
		{"testing", "testing"},
		{"deliveries", good.ID + "/deliveries"},
		{"deliveries-none", good.ID + "/deliveries?status=canceled"},
		{"delivery", good.ID + "/deliveries/" + delivered.ID},
		{"delivery-failed", bad.ID + "/deliveries/" + failed.ID},
		{"dead-letters", "dead-letters"},
		{"history", "history"},
		{"event", "history/" + failed.EventID},
		{"keys", "keys"},
		{"events", "events"},
		{"event-type", "events/user.registered"},
		{"event-type-own", "events/order.shipped"},
		{"event-type-edit", "events/order.shipped/edit"},
		{"event-type-new", "event-types/new"},
		{"analytics", "analytics"},
		{"analytics-year", "analytics?range=year"},
		{"audit", "audit"},
		{"audit-security", "audit?view=security"},
		{"audit-incidents", "audit?view=incidents"},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			tab := w.tab(b, t, v, originOf(t, w.admin))
			for _, p := range pages {
				tab.open(prefix + "/" + p.path)
				tab.picture(p.name)
				tab.accessible(p.name)
			}
			tab.quiet()
		})
	}
}
