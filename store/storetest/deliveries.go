package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var deliveryCases = []testCase{
	{"Unknown", deliveryUnknown},
	{"ListFilters", deliveryListFilters},
	{"ListPages", deliveryListPages},
	{"ListPagesFiltered", deliveryListPagesFiltered},
	{"ListOldestFirst", deliveryListOldest},
	{"ListWhileOthersPublish", deliveryListWhileOthersPublish},
	{"ListIsBounded", deliveryListIsBounded},
	{"TenantsAreSeparate", deliveryTenantsAreSeparate},
}

func deliveryUnknown(w *world) {
	id := w.id(webhook.PrefixDelivery)
	if got, err := w.store.Delivery(w.ctx, acme, id); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Delivery of an unknown id = %+v, error %v; want ErrNotFound", got, err)
	}
	if got, err := w.store.Attempts(w.ctx, acme, id); err != nil || len(got) != 0 {
		w.t.Errorf("Attempts of an unknown delivery = %v, error %v; want none, no error", got, err)
	}
}

// deliveryIDs lists the deliveries that a filter leaves.
func (w *world) deliveryIDs(tenant string, f store.DeliveryFilter) []string {
	w.t.Helper()
	got, err := w.store.ListDeliveries(w.ctx, tenant, f, store.Page{Limit: many})
	w.must(err, "ListDeliveries")
	var ids []string
	for _, d := range got {
		ids = append(ids, d.ID)
	}
	return ids
}

func deliveryListFilters(w *world) {
	epoch := w.acquire()
	a, b := w.endpoint(acme), w.endpoint(acme)
	start := w.now
	first := w.publication(acme, a.ID, b.ID)
	w.stored(first)
	c := w.pollAll(epoch, 2)
	w.advance(time.Minute)
	w.accepted(epoch, w.delivered(c[0]), w.failed(c[1]))
	second := w.publication(acme, a.ID, b.ID)
	w.stored(second)
	delivered, failed := c[0].Delivery, c[1].Delivery
	a1, b1 := first.Deliveries[0].ID, first.Deliveries[1].ID
	a2, b2 := second.Deliveries[0].ID, second.Deliveries[1].ID
	endpointOf := map[string]string{a1: a.ID, b1: b.ID}

	for name, c := range map[string]struct {
		filter store.DeliveryFilter
		want   []string
	}{
		"nothing":                  {store.DeliveryFilter{}, []string{b2, a2, b1, a1}},
		"an endpoint":              {store.DeliveryFilter{Endpoint: a.ID}, []string{a2, a1}},
		"an event":                 {store.DeliveryFilter{Event: first.Event.ID}, []string{b1, a1}},
		"endpoint and event":       {store.DeliveryFilter{Endpoint: b.ID, Event: second.Event.ID}, []string{b2}},
		"pending":                  {store.DeliveryFilter{Status: webhook.DeliveryPending}, []string{b2, a2}},
		"failed":                   {store.DeliveryFilter{Status: webhook.DeliveryFailed}, []string{failed}},
		"delivered at an endpoint": {store.DeliveryFilter{Status: webhook.DeliveryDelivered, Endpoint: endpointOf[delivered]}, []string{delivered}},
		"failed at the other":      {store.DeliveryFilter{Status: webhook.DeliveryFailed, Endpoint: endpointOf[delivered]}, nil},
		"from, inclusive":          {store.DeliveryFilter{From: start.Add(time.Minute)}, []string{b2, a2}},
		"to, exclusive":            {store.DeliveryFilter{To: start.Add(time.Minute)}, []string{b1, a1}},
		"from and to":              {store.DeliveryFilter{From: start, To: start.Add(time.Minute)}, []string{b1, a1}},
		"an empty range":           {store.DeliveryFilter{From: start.Add(time.Second), To: start.Add(time.Minute)}, nil},
		"an unknown endpoint":      {store.DeliveryFilter{Endpoint: "ep_unknown"}, nil},
		"an unknown event":         {store.DeliveryFilter{Event: "evt_unknown"}, nil},
		"range and endpoint":       {store.DeliveryFilter{From: start.Add(time.Minute), Endpoint: b.ID}, []string{b2}},
	} {
		if got := w.deliveryIDs(acme, c.filter); !slices.Equal(got, c.want) {
			w.t.Errorf("ListDeliveries filtered by %s = %v; want %v", name, got, c.want)
		}
	}
}

func (w *world) deliveryPages(f store.DeliveryFilter, limit int, between func()) []string {
	w.t.Helper()
	return pageAll(w, "ListDeliveries", limit,
		func(p store.Page) ([]webhook.Delivery, error) { return w.store.ListDeliveries(w.ctx, acme, f, p) },
		func(d webhook.Delivery) string { return d.ID }, between)
}

func deliveryListPages(w *world) {
	ep, foreign := w.endpoint(acme), w.endpoint(globex)
	var want []string
	for range 7 { // of one millisecond
		want = append(want, w.waiting(acme, ep.ID, 1)...)
		w.waiting(globex, foreign.ID, 1)
	}
	for _, limit := range []int{1, 2, 3, 7, 8} {
		if got := w.deliveryPages(store.DeliveryFilter{}, limit, nothing); !slices.Equal(got, newestFirst(want)) {
			w.t.Errorf("ListDeliveries, %d at a time = %v; want %v: a delivery is skipped or shown twice", limit, got, newestFirst(want))
		}
	}
}

func deliveryListPagesFiltered(w *world) {
	epoch := w.acquire()
	ep, other := w.endpoint(acme), w.endpoint(acme)
	var mine []string
	for range 6 {
		mine = append(mine, w.waiting(acme, ep.ID, 1)...)
		w.waiting(acme, other.ID, 2)
	}
	var items []store.Settled
	var want []string
	for i, c := range w.poll(epoch) {
		if c.Endpoint == ep.ID && i%2 == 0 {
			items = append(items, w.failed(c))
			want = append(want, c.Delivery)
		}
	}
	w.accepted(epoch, items...)
	if got := w.deliveryPages(store.DeliveryFilter{Endpoint: ep.ID}, 2, nothing); !slices.Equal(got, newestFirst(mine)) {
		w.t.Errorf("ListDeliveries of an endpoint, two at a time = %v; want %v", got, newestFirst(mine))
	}
	filter := store.DeliveryFilter{Endpoint: ep.ID, Status: webhook.DeliveryFailed}
	if got := w.deliveryPages(filter, 2, nothing); !slices.Equal(got, newestFirst(want)) {
		w.t.Errorf("ListDeliveries of the failed ones, two at a time = %v; want %v: a limit counts what is shown", got, newestFirst(want))
	}
}

func deliveryListOldest(w *world) {
	epoch := w.acquire()
	ep, other := w.endpoint(acme), w.endpoint(acme)
	var all, mine, failed, early []string
	start := w.now
	for range 6 {
		id := w.waiting(acme, ep.ID, 1)[0]
		mine = append(mine, id)
		all = append(append(all, id), w.waiting(acme, other.ID, 2)...)
		if w.now.Sub(start) < 3*time.Hour {
			early = append(early, id)
		}
		w.advance(time.Hour)
	}
	var items []store.Settled
	for i, c := range w.poll(epoch) {
		if c.Endpoint == ep.ID && i%2 == 0 {
			items = append(items, w.failed(c))
			failed = append(failed, c.Delivery)
		}
	}
	w.accepted(epoch, items...)
	for name, c := range map[string]struct {
		filter store.DeliveryFilter
		want   []string
	}{
		"all":                       {store.DeliveryFilter{}, all},
		"an endpoint's":             {store.DeliveryFilter{Endpoint: ep.ID}, mine},
		"failed":                    {store.DeliveryFilter{Status: webhook.DeliveryFailed}, failed},
		"an endpoint's failed":      {store.DeliveryFilter{Endpoint: ep.ID, Status: webhook.DeliveryFailed}, failed},
		"an endpoint's early ones":  {store.DeliveryFilter{Endpoint: ep.ID, From: start, To: start.Add(3 * time.Hour)}, early},
		"pending":                   {store.DeliveryFilter{Status: webhook.DeliveryPending}, slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(failed, id) })},
		"another endpoint's failed": {store.DeliveryFilter{Endpoint: other.ID, Status: webhook.DeliveryFailed}, nil},
	} {
		var got []string
		for after := ""; ; {
			page, err := w.store.ListDeliveries(w.ctx, acme, c.filter, store.Page{After: after, Limit: 2, Oldest: true})
			w.must(err, "ListDeliveries")
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				got = append(got, d.ID)
			}
			after = got[len(got)-1]
		}
		if slices.Sort(c.want); !slices.Equal(got, c.want) {
			w.t.Errorf("ListDeliveries of %s, oldest first, two at a time = %v; want %v", name, got, c.want)
		}
	}
}

// deliveryListWhileOthersPublish adds newer rows, and older ones from a
// process whose commit was slow.
func deliveryListWhileOthersPublish(w *world) {
	ep := w.endpoint(acme)
	var want []string
	for range 6 {
		w.advance(2 * time.Millisecond)
		want = append(want, w.waiting(acme, ep.ID, 1)...)
	}
	var late []string
	got := w.deliveryPages(store.DeliveryFilter{}, 2, func() {
		w.advance(time.Millisecond)
		w.waiting(acme, ep.ID, 1)
		p := w.publication(acme, ep.ID)
		p.Deliveries[0].ID = w.idAt(webhook.PrefixDelivery, w.now.Add(-time.Hour))
		w.stored(p)
		late = append(late, p.Deliveries[0].ID)
	})
	seen := map[string]int{}
	for _, id := range got {
		seen[id]++
	}
	for _, id := range want {
		if seen[id] != 1 {
			w.t.Errorf("ListDeliveries while others publish showed %s %d times; want once", id, seen[id])
		}
	}
	for _, id := range late {
		if seen[id] > 1 {
			w.t.Errorf("ListDeliveries while others publish showed a late one, %s, %d times; want at most once", id, seen[id])
		}
	}
	if !slices.Equal(got, newestFirst(got)) {
		w.t.Errorf("ListDeliveries while others publish = %v; want it newest first", got)
	}
}

func deliveryListIsBounded(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme)
	for range store.MaxPage + 5 {
		p.Deliveries = append(p.Deliveries, store.NewDelivery{ID: w.id(webhook.PrefixDelivery), Endpoint: ep.ID})
	}
	w.stored(p)
	for limit, want := range map[int]int{0: 50, -1: 50, 51: 51, store.MaxPage + 5: store.MaxPage} {
		got, err := w.store.ListDeliveries(w.ctx, acme, store.DeliveryFilter{}, store.Page{Limit: limit})
		w.must(err, "ListDeliveries")
		if len(got) != want {
			w.t.Errorf("ListDeliveries with limit %d = %d entries; want %d: a caller could ask for everything", limit, len(got), want)
		}
	}
}

func deliveryTenantsAreSeparate(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.delivered(c))
	for _, tenant := range []string{globex, nobody} {
		if got, err := w.store.Delivery(w.ctx, tenant, c.Delivery); !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("Delivery of another tenant = %+v, error %v; want ErrNotFound: tenants never see each other", got, err)
		}
		if got := w.attempts(tenant, c.Delivery); len(got) != 0 {
			w.t.Errorf("Attempts of another tenant's delivery = %d; want 0", len(got))
		}
		for _, f := range []store.DeliveryFilter{{}, {Endpoint: c.Endpoint}, {Event: c.Event}, {Status: webhook.DeliveryDelivered}} {
			if got := w.deliveryIDs(tenant, f); len(got) != 0 {
				w.t.Errorf("ListDeliveries of another tenant, filter %+v = %v; want none", f, got)
			}
		}
	}
}
