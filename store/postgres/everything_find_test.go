package postgres_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// searches are what people look for in the log of a tenant, and of an endpoint of its.
func searches(event string) map[string]store.DeliveryFilter {
	all := make(map[string]store.DeliveryFilter)
	for _, status := range []webhook.DeliveryStatus{"", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
		for _, endpoint := range []string{"", "ep_42", "ep_dead", "ep_none"} {
			for name, f := range map[string]store.DeliveryFilter{
				"": {}, "of a type": {EventType: "invoice.paid"}, "of no type": {EventType: "user.left"}, "of a prefix": {TypePrefix: "user"},
				"of an event": {Event: event}, "of a time": {From: time.Now().Add(-time.Hour), To: time.Now()},
			} {
				f.Status, f.Endpoint = status, endpoint
				all[fmt.Sprintf("%s deliveries of endpoint %q %s", status, endpoint, name)] = f
			}
		}
	}
	return all
}

// wantSoon follows what people look for for a hundred pages, if there is a backlog that
// may make them slow, and wants all but one within 20 ms: what the management API promises
// of 99 in 100.
func (b *backlog) wantSoon(t *testing.T) {
	t.Helper()
	if *million == 0 {
		return
	}
	p := b.d.open(t, nil)
	for name, f := range searches(b.id(t, webhook.PrefixEvent, 2)) {
		var took []time.Duration
		for after := ""; len(took) < 100; {
			began := time.Now()
			found, err := p.FindDeliveries(t.Context(), "dead", f, store.Page{Limit: 100, After: after})
			took = append(took, time.Since(began))
			must(t, err, "FindDeliveries")
			after = found.Next // which is the first page again after the last
		}
		slices.Sort(took)
		t.Logf("%-60s p50 %8v p99 %8v", name, took[50].Round(time.Microsecond), took[98].Round(time.Microsecond))
		if took[98] > 20*time.Millisecond {
			t.Errorf("%s: the second slowest of a hundred pages took %v; want at most 20 ms", name, took[98])
		}
	}
}

// finds look for events and deliveries of a tenant that has many, also for what there is
// none of.
func (w *life) finds() (steps []step) {
	// Ten of at most forty rows; the bounds are looked for in an index alone, and two
	// tables are looked through.
	const rows, examined = 40, 40
	page := store.Page{Limit: 10, Examined: examined}
	for name, f := range map[string]store.EventFilter{
		"all": {}, "of a type": {Type: "invoice.paid"}, "of no type": {Type: "user.left"}, "of a prefix": {TypePrefix: "user"},
		"of a source": {Source: "shop"}, "of a subject": {Subject: "jane"}, "of a subject and a type": {Subject: "jane", Type: "user.left"},
		"of a time": {From: time.Now().Add(-time.Hour), To: time.Now()},
	} {
		steps = append(steps, step{"find events " + name, rows, func(p *process) error {
			_, err := p.FindEvents(w.ctx, "dead", f, page)
			return err
		}})
	}
	for name, f := range searches(w.b.id(w.t, webhook.PrefixEvent, 2)) {
		steps = append(steps, step{"find " + name, rows, func(p *process) error {
			_, err := p.FindDeliveries(w.ctx, "dead", f, page)
			return err
		}})
	}
	ids := make([]string, 10) // of which some steps send deliveries again
	for i := range ids {
		ids[i] = w.b.id(w.t, webhook.PrefixEvent, i+1)
	}
	return append(steps,
		step{"Outcomes", 2 * len(ids), func(p *process) error {
			counts, err := p.Outcomes(w.ctx, "dead", ids)
			return cmp.Or(err, wantSome(make([]int, len(counts)), true))
		}},
		step{"EventsWithoutData", len(ids), func(p *process) error {
			events, err := p.EventsWithoutData(w.ctx, "dead", ids)
			return cmp.Or(err, wantLen(events, len(ids)))
		}})
}
