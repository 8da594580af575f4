package manage_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestFindByStatusIsBounded looks for events of a status that only the oldest of many has.
func TestFindByStatusIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		first := w.publish()
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
			ep.EventTypes = []string{} // what comes now goes nowhere
			return nil
		})
		w.must(err, "UpdateEndpoint")
		time.Sleep(time.Second) // ids are ordered by their time
		var events []webhook.Event
		for i := range 1200 {
			events = append(events, webhook.Event{Tenant: acme, Type: "invoice.paid", Data: fmt.Append(nil, i)})
		}
		for _, p := range w.d.PublishMany(t.Context(), events) {
			w.must(p.Err, "PublishMany")
		}
		q := manage.EventQuery{Status: webhook.EventPending}
		found, err := w.FindEvents(t.Context(), acme, q, store.Page{Limit: 10})
		w.must(err, "FindEvents")
		if len(found.Items) != 0 || found.Next == "" {
			t.Errorf("FindEvents of those pending = %d, next %q; want none among the newest thousand, and to go on", len(found.Items), found.Next)
		}
		found, err = w.FindEvents(t.Context(), acme, q, store.Page{Limit: 10, After: found.Next})
		w.must(err, "FindEvents")
		if len(found.Items) != 1 || found.Items[0].ID != first.EventID || found.Next != "" {
			t.Errorf("FindEvents of the second page = %+v; want the first event and no more pages", found)
		}
		page, err := w.FindEvents(t.Context(), acme, manage.EventQuery{Status: webhook.EventUnmatched}, store.Page{Limit: 3})
		w.must(err, "FindEvents")
		if len(page.Items) != 3 || page.Next != page.Items[2].ID {
			t.Errorf("FindEvents of those unmatched = %d, next %q; want a page of three, and to go on after the last", len(page.Items), page.Next)
		}
	})
}

// TestFindNothingThatNoDatabaseTakes looks for texts that a database refuses.
func TestFindNothingThatNoDatabaseTakes(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"a\x00", "\xff"} {
		for _, q := range []manage.EventQuery{{Subject: text}, {Source: text}, {Text: text}} {
			if found, err := w.FindEvents(t.Context(), acme, q, store.Page{}); err != nil || len(found.Items) > 0 {
				t.Errorf("FindEvents(%+q) = %d, %v; want none", q, len(found.Items), err)
			}
		}
		if found, err := w.FindDeliveries(t.Context(), acme, manage.DeliveryQuery{Text: text}, store.Page{}); err != nil || len(found.Items) > 0 {
			t.Errorf("FindDeliveries(%q) = %d, %v; want none", text, len(found.Items), err)
		}
	}
}
