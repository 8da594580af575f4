package storetest

import (
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var findCases = []testCase{
	{"EventsByWhatTheyAre", findEvents},
	{"EventsHaveNoPayloads", findEventsWithoutPayloads},
	{"EventsInBounds", findEventsInBounds},
	{"DeliveriesByWhatTheyAre", findDeliveries},
	{"DeliveriesInBounds", findDeliveriesInBounds},
	{"TypesOfDeliveries", findByTypes},
	{"EventsWithoutData", findEventsWithoutData},
	{"Outcomes", findOutcomes},
	{"OutcomesOfRedelivered", findOutcomesOfRedelivered},
}

// foundAll follows a list to its end, looking at so many rows for a page.
func foundAll[T any](w *world, limit, examined int, find func(store.Page) (store.Found[T], error), id func(*T) string) []string {
	w.t.Helper()
	var ids []string
	page := store.Page{Limit: limit, Examined: examined}
	for range many {
		found, err := find(page)
		w.must(err, "Find")
		if len(found.Items) > limit {
			w.t.Fatalf("Find with limit %d = %d entries", limit, len(found.Items))
		}
		for i := range found.Items {
			ids = append(ids, id(&found.Items[i]))
		}
		if found.Next == "" {
			return ids
		}
		page.After = found.Next
	}
	w.t.Fatalf("Find, %d at a time in %d rows, never came to an end", limit, examined)
	return nil
}

// pagings are sizes of pages, and how many rows are looked at for one.
var pagings = [][2]int{{1, 1}, {2, 3}, {3, 2}, {many, 1}, {many, 0}, {2, 0}}

func (w *world) wantEvents(name string, f store.EventFilter, want []string) {
	w.t.Helper()
	for _, p := range pagings {
		got := foundAll(w, p[0], p[1], func(page store.Page) (store.Found[webhook.Event], error) {
			return w.store.FindEvents(w.ctx, acme, f, page)
		}, func(ev *webhook.Event) string { return ev.ID })
		if !slices.Equal(got, want) {
			w.t.Errorf("FindEvents by %s, %d at a time in %d rows = %v; want %v", name, p[0], p[1], got, want)
		}
	}
}

func findEvents(w *world) {
	start := w.now
	published := func(eventType, subject, source string) string {
		p := w.publication(acme)
		p.Event.Type, p.Event.Subject, p.Event.Source = eventType, subject, source
		foreign := w.publication(globex)
		foreign.Event.Type, foreign.Event.Subject, foreign.Event.Source = eventType, subject, source
		w.stored(p, foreign)
		w.advance(time.Minute)
		return p.Event.ID
	}
	a := published("invoice.paid", "jane", "billing")
	b := published("invoice.paid.late", "joe", "")
	c := published("invoices", "jane", "billing")
	d := published("user.left", "", "shop")
	e := published("invoice.paid", "jane", "shop")
	all := []string{e, d, c, b, a}
	for name, tt := range map[string]struct {
		filter store.EventFilter
		want   []string
	}{
		"nothing":                 {store.EventFilter{}, all},
		"a type":                  {store.EventFilter{Type: "invoice.paid"}, []string{e, a}},
		"a prefix":                {store.EventFilter{TypePrefix: "invoice."}, []string{e, b, a}},
		"a part of a name":        {store.EventFilter{TypePrefix: "inv"}, []string{e, c, b, a}},
		"a type in another case":  {store.EventFilter{Type: "Invoice.paid"}, nil},
		"a prefix like a pattern": {store.EventFilter{TypePrefix: "%"}, nil},
		"a subject":               {store.EventFilter{Subject: "jane"}, []string{e, c, a}},
		"a source":                {store.EventFilter{Source: "shop"}, []string{e, d}},
		"type and subject":        {store.EventFilter{Type: "invoice.paid", Subject: "jane"}, []string{e, a}},
		"all of these":            {store.EventFilter{TypePrefix: "invoice", Subject: "jane", Source: "billing"}, []string{c, a}},
		"from, inclusive":         {store.EventFilter{From: start.Add(time.Minute)}, []string{e, d, c, b}},
		"to, exclusive":           {store.EventFilter{To: start.Add(time.Minute)}, []string{a}},
		"a time":                  {store.EventFilter{From: start.Add(time.Minute), To: start.Add(3 * time.Minute)}, []string{c, b}},
		"a time between":          {store.EventFilter{From: start.Add(time.Second), To: start.Add(time.Minute)}, nil},
		"a subject's time":        {store.EventFilter{Subject: "jane", From: start.Add(time.Minute), To: start.Add(4 * time.Minute)}, []string{c}},
		"an unknown subject":      {store.EventFilter{Subject: "nobody"}, nil},
	} {
		w.wantEvents(name, tt.filter, tt.want)
	}
}

func findEventsWithoutPayloads(w *world) {
	p := w.publication(acme)
	p.Event.Subject, p.Event.Metadata, p.Event.Source, p.Event.Channels = "customer/7", map[string]string{"a": "b"}, "shop", []string{"eu"}
	w.stored(p)
	want := p.Event
	want.Data = nil
	for _, f := range []store.EventFilter{{}, {Subject: "customer/7"}, {Source: "shop"}} {
		found, err := w.store.FindEvents(w.ctx, acme, f, store.Page{})
		w.must(err, "FindEvents")
		if len(found.Items) != 1 || !same(found.Items[0], want) || found.Next != "" {
			w.t.Errorf("FindEvents = %+v; want %+v, without the payload, and no other page", found, want)
		}
	}
}

// findEventsInBounds looks for an event behind many that are not looked for.
func findEventsInBounds(w *world) {
	var ids []string
	for i := range 6 {
		p := w.publication(acme)
		if i > 0 {
			p.Event.Type, p.Event.Source = "user.left", "shop"
		}
		w.stored(p)
		ids = append(ids, p.Event.ID)
	}
	for _, f := range []store.EventFilter{{Type: "invoice.paid"}, {TypePrefix: "inv"}, {Source: "nobody"}} {
		found, err := w.store.FindEvents(w.ctx, acme, f, store.Page{Examined: 3})
		w.must(err, "FindEvents")
		if len(found.Items) != 0 || found.Next != ids[3] {
			w.t.Errorf("FindEvents by %+v in 3 of 6 rows = %+v; want nothing yet, and to go on after the third: else all of a history is read for a page", f, found)
		}
	}
}

// deliveryKinds publishes for two endpoints, and lets what was published first end
// in every way.
func (w *world) deliveryKinds() (a, b store.EndpointRecord, events []string) {
	w.t.Helper()
	epoch := w.acquire()
	a, b = w.endpoint(acme), w.endpoint(acme)
	for i := range 4 {
		p := w.publication(acme, a.ID, b.ID)
		p.Event.Type = []string{"invoice.paid", "invoice.sent", "user.left", "user.left"}[i]
		w.stored(p, w.publication(globex, w.endpoint(globex).ID))
		events = append(events, p.Event.ID)
		w.advance(time.Minute)
	}
	var items []store.Settled
	for i, c := range slices.DeleteFunc(w.poll(epoch), func(c store.Claimed) bool { return c.Tenant != acme }) {
		switch {
		case c.Event == events[3]:
			items = append(items, w.retried(c, w.now.Add(time.Hour)))
		case i%2 == 0:
			items = append(items, w.delivered(c))
		case i%3 == 0:
			items = append(items, w.failed(c))
		}
	}
	w.accepted(epoch, items...)
	return a, b, events
}

func findDeliveries(w *world) {
	start := w.now
	a, b, events := w.deliveryKinds()
	for _, endpoint := range []string{"", a.ID, b.ID} {
		for _, status := range []webhook.DeliveryStatus{
			"", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed, webhook.DeliveryCanceled,
		} {
			for _, f := range []store.DeliveryFilter{
				{},
				{Event: events[0]},
				{EventType: "user.left"},
				{TypePrefix: "invoice."},
				{From: start.Add(time.Minute)},
				{To: start.Add(2 * time.Minute)},
				{From: start.Add(time.Minute), To: start.Add(2 * time.Minute), TypePrefix: "inv"},
				{EventType: "nothing"},
			} {
				f.Endpoint, f.Status = endpoint, status
				w.wantFound(f)
			}
		}
	}
}

// wantFound compares what is found in pages with all that passes a filter.
func (w *world) wantFound(f store.DeliveryFilter) {
	w.t.Helper()
	all, err := w.store.ListDeliveries(w.ctx, acme, store.DeliveryFilter{}, store.Page{Limit: many})
	w.must(err, "ListDeliveries")
	var want []string
	for i := range all {
		if f.Passes(&all[i]) {
			want = append(want, all[i].ID)
		}
	}
	for _, p := range pagings {
		got := foundAll(w, p[0], p[1], func(page store.Page) (store.Found[webhook.Delivery], error) {
			return w.store.FindDeliveries(w.ctx, acme, f, page)
		}, func(d *webhook.Delivery) string { return d.ID })
		if !slices.Equal(got, want) {
			w.t.Errorf("FindDeliveries by %+v, %d at a time in %d rows = %v; want %v", f, p[0], p[1], got, want)
		}
	}
	if got := w.deliveryIDs(acme, f); !slices.Equal(got, want) {
		w.t.Errorf("ListDeliveries by %+v = %v; want %v", f, got, want)
	}
}

// findDeliveriesInBounds looks for what there is none of, among what has ended and among
// what is pending.
func findDeliveriesInBounds(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	ended := w.waiting(acme, ep.ID, 4)
	var items []store.Settled
	for _, c := range w.pollAll(epoch, 4) {
		items = append(items, w.delivered(c))
	}
	w.accepted(epoch, items...)
	for _, f := range []store.DeliveryFilter{
		{EventType: "user.left"},
		{TypePrefix: "user"},
		{Endpoint: ep.ID, TypePrefix: "user"},
		{Endpoint: ep.ID, Status: webhook.DeliveryDelivered, EventType: "user.left"},
	} {
		found, err := w.store.FindDeliveries(w.ctx, acme, f, store.Page{Examined: 2})
		w.must(err, "FindDeliveries")
		if len(found.Items) != 0 || found.Next != ended[2] {
			w.t.Errorf("FindDeliveries by %+v in 2 of 4 rows = %+v; want nothing yet, and to go on after the second: else all of a log is read for a page", f, found)
		}
	}
	other := w.endpoint(acme)
	w.waiting(acme, other.ID, 1)
	pending := w.waiting(acme, ep.ID, 4)
	for _, f := range []store.DeliveryFilter{
		{Status: webhook.DeliveryPending, EventType: "user.left"}, {Status: webhook.DeliveryPending, Endpoint: ep.ID, TypePrefix: "user"},
	} {
		found, err := w.store.FindDeliveries(w.ctx, acme, f, store.Page{Examined: 2})
		w.must(err, "FindDeliveries")
		if len(found.Items) != 0 || found.Next < pending[2] {
			w.t.Errorf("FindDeliveries by %+v in 2 of 5 pending rows = %+v; want nothing yet, and to go on after the second", f, found)
		}
	}
	w.wantFound(store.DeliveryFilter{Status: webhook.DeliveryPending, Endpoint: other.ID})
}

func findByTypes(w *world) {
	_, _, events := w.deliveryKinds()
	for name, tt := range map[string]struct {
		filter store.DeliveryFilter
		want   int
	}{
		"a type":                {store.DeliveryFilter{EventType: "user.left"}, 4},
		"a prefix":              {store.DeliveryFilter{TypePrefix: "invoice."}, 4},
		"both":                  {store.DeliveryFilter{EventType: "invoice.paid", TypePrefix: "invoice"}, 2},
		"type of another event": {store.DeliveryFilter{EventType: "user.left", Event: events[0]}, 0},
		"pending of a type":     {store.DeliveryFilter{EventType: "user.left", Status: webhook.DeliveryPending}, 2},
	} {
		found, err := w.store.FindDeliveries(w.ctx, acme, tt.filter, store.Page{})
		w.must(err, "FindDeliveries")
		if name == "pending of a type" {
			found.Items = slices.DeleteFunc(found.Items, func(d webhook.Delivery) bool { return d.EventID != events[3] })
		}
		if len(found.Items) != tt.want {
			w.t.Errorf("FindDeliveries by %s = %d; want %d", name, len(found.Items), tt.want)
		}
	}
}

func findEventsWithoutData(w *world) {
	p, foreign := w.publication(acme), w.publication(globex)
	p.Event.Subject, p.Event.Metadata, p.Event.OrderingKey = "jane", map[string]string{"a": "b"}, "k"
	w.stored(p, foreign)
	got, err := w.store.EventsWithoutData(w.ctx, acme, []string{p.Event.ID, foreign.Event.ID, w.id(webhook.PrefixEvent), p.Event.ID})
	w.must(err, "EventsWithoutData")
	want := p.Event
	want.Data = nil
	if len(got) != 1 || !same(got[0], want) {
		w.t.Errorf("EventsWithoutData of an event, twice, a foreign and an unknown one = %+v; want %+v", got, want)
	}
	if got, err := w.store.EventsWithoutData(w.ctx, acme, nil); err != nil || len(got) != 0 {
		w.t.Errorf("EventsWithoutData of nothing = %v, error %v; want none, no error", got, err)
	}
}

func findOutcomes(w *world) {
	_, _, events := w.deliveryKinds()
	of, ofForeign := w.endpoint(acme).ID, w.endpoint(globex).ID
	alone, skipped, foreign := w.publication(acme), w.publication(acme, of), w.publication(globex, ofForeign)
	skipped.Deliveries[0].Status, skipped.Deliveries[0].Reason = webhook.DeliverySkipped, webhook.ReasonEndpointPaused
	w.stored(alone, skipped, foreign)
	want := map[string]webhook.Outcomes{skipped.Event.ID: {Skipped: 1}}
	for _, id := range events {
		var o webhook.Outcomes
		for _, d := range w.deliveryIDs(acme, store.DeliveryFilter{Event: id}) {
			o.Add(w.delivery(acme, d).Status, 1)
		}
		if o.Total() != 2 {
			w.t.Fatalf("event %s has %+v; want two deliveries", id, o)
		}
		want[id] = o
	}
	asked := append(slices.Clone(events), alone.Event.ID, skipped.Event.ID, foreign.Event.ID, w.id(webhook.PrefixEvent), events[0])
	got, err := w.store.Outcomes(w.ctx, acme, asked)
	w.must(err, "Outcomes")
	if !maps.Equal(got, want) {
		w.t.Errorf("Outcomes = %+v; want %+v: each delivery once, and nothing of others", got, want)
	}
	if got, err := w.store.Outcomes(w.ctx, acme, nil); err != nil || len(got) != 0 {
		w.t.Errorf("Outcomes of nothing = %v, error %v; want none, no error", got, err)
	}
}

func findOutcomesOfRedelivered(w *world) {
	epoch := w.acquire()
	w.waiting(acme, w.endpoint(acme).ID, 1)
	c := w.pollOne(epoch)
	w.accepted(epoch, w.failed(c))
	w.must(w.store.Redeliver(w.ctx, w.now, acme, c.Delivery), "Redeliver")
	got, err := w.store.Outcomes(w.ctx, acme, []string{c.Event})
	w.must(err, "Outcomes")
	if want := (webhook.Outcomes{Pending: 1}); got[c.Event] != want {
		w.t.Errorf("Outcomes of an event that is redelivered = %+v; want %+v", got[c.Event], want)
	}
}
