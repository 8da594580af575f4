package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var eventCases = []testCase{
	{"Unknown", eventUnknown},
	{"ByKeyOfAnyTenants", eventsByKey},
	{"ListHasNoPayloads", eventListHasNoPayloads},
	{"ListPages", eventListPages},
	{"ListWhileOthersPublish", eventListWhileOthersPublish},
	{"TenantsAreSeparate", eventTenantsAreSeparate},
}

func eventUnknown(w *world) {
	p := w.publication(acme)
	w.stored(p)
	for name, key := range map[string]store.EventKey{
		"an unknown": {Tenant: acme, ID: w.id(webhook.PrefixEvent)},
		"a foreign":  {Tenant: globex, ID: p.Event.ID},
	} {
		if got, err := w.store.Event(w.ctx, key.Tenant, key.ID); !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("Event of %s id = %+v, error %v; want ErrNotFound", name, got, err)
		}
	}
}

func eventsByKey(w *world) {
	var keys []store.EventKey
	want := map[string]webhook.Event{}
	for i, tenant := range []string{acme, globex, nobody, acme} {
		p := w.publication(tenant)
		p.Event.Subject = string(rune('a' + i))
		w.stored(p)
		keys = append(keys, store.EventKey{Tenant: tenant, ID: p.Event.ID})
		want[p.Event.ID] = p.Event
	}
	foreign := store.EventKey{Tenant: globex, ID: keys[0].ID}
	got, err := w.store.EventsByKey(w.ctx, []store.EventKey{keys[3], foreign, {Tenant: acme, ID: "evt_unknown"}, keys[1], keys[2]})
	w.must(err, "EventsByKey")
	if len(got) != 3 {
		w.t.Errorf("EventsByKey of 3 events, a foreign and an unknown one = %d events; want 3", len(got))
	}
	for _, ev := range got {
		if !same(ev, want[ev.ID]) {
			w.t.Errorf("EventsByKey = %+v; want %+v", ev, want[ev.ID])
		}
	}
	if got, err := w.store.EventsByKey(w.ctx, nil); err != nil || len(got) != 0 {
		w.t.Errorf("EventsByKey of nothing = %v, error %v; want none, no error", got, err)
	}
}

func eventListHasNoPayloads(w *world) {
	p := w.publication(acme)
	p.Event.Subject, p.Event.Metadata, p.Event.IdempotencyKey = "customer/7", map[string]string{"a": "b"}, "k"
	w.stored(p)
	got, err := w.store.ListEvents(w.ctx, acme, store.Page{})
	w.must(err, "ListEvents")
	want := p.Event
	want.Data = nil
	if len(got) != 1 || got[0].Data != nil || !same(got[0], want) {
		w.t.Errorf("ListEvents = %+v; want %+v, without the payload: a page could be 256 MiB", got, want)
	}
}

func (w *world) eventPages(limit int, between func()) []string {
	w.t.Helper()
	return pageAll(w, "ListEvents", limit,
		func(p store.Page) ([]webhook.Event, error) { return w.store.ListEvents(w.ctx, acme, p) },
		func(ev webhook.Event) string { return ev.ID }, between)
}

func eventListPages(w *world) {
	var want []string
	for range 7 { // of one millisecond
		p := w.publication(acme)
		w.stored(p, w.publication(globex))
		want = append(want, p.Event.ID)
	}
	for _, limit := range []int{1, 2, 7, 8} {
		if got := w.eventPages(limit, nothing); !slices.Equal(got, newestFirst(want)) {
			w.t.Errorf("ListEvents, %d at a time = %v; want %v: an event is skipped or shown twice", limit, got, newestFirst(want))
		}
	}
	if got, err := w.store.ListEvents(w.ctx, acme, store.Page{After: want[0]}); err != nil || len(got) != 0 {
		w.t.Errorf("ListEvents after the oldest = %d events, error %v; want 0", len(got), err)
	}
}

func eventListWhileOthersPublish(w *world) {
	var want []string
	for range 6 {
		w.advance(2 * time.Millisecond)
		p := w.publication(acme)
		w.stored(p)
		want = append(want, p.Event.ID)
	}
	got := w.eventPages(2, func() {
		w.advance(time.Millisecond)
		w.stored(w.publication(acme))
	})
	if !slices.Equal(got, newestFirst(want)) {
		w.t.Errorf("ListEvents while others publish = %v; want %v: new ones come before the first page", got, newestFirst(want))
	}
}

func eventTenantsAreSeparate(w *world) {
	w.stored(w.publication(acme), w.publication(acme))
	mine := w.publication(nobody)
	w.stored(mine)
	if got, err := w.store.ListEvents(w.ctx, globex, store.Page{}); err != nil || len(got) != 0 {
		w.t.Errorf("ListEvents of another tenant = %d events, error %v; want 0", len(got), err)
	}
	got, err := w.store.ListEvents(w.ctx, nobody, store.Page{})
	w.must(err, "ListEvents")
	if len(got) != 1 || got[0].ID != mine.Event.ID {
		w.t.Errorf("ListEvents of the empty tenant = %d events; want its own: \"\" is a tenant, not all of them", len(got))
	}
}
