package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var publishingCases = []testCase{
	{"StoresEventAndDeliveries", publishStoresEventAndDeliveries},
	{"KeepsAttributes", publishKeepsAttributes},
	{"KeepsTheTrace", publishKeepsTheTrace},
	{"StoresEventWithoutDeliveries", publishStoresEventWithoutDeliveries},
	{"NothingToPublish", publishNothing},
	{"StaleWritesNothing", publishStaleWritesNothing},
	{"TenantWithoutEndpointsHasRevisionZero", publishTenantWithoutEndpoints},
	{"RevisionIsTheTenantsOwn", publishRevisionIsTheTenantsOwn},
	{"BatchStoresWhatIsNotRefused", publishBatchStoresWhatIsNotRefused},
	{"ErrorWritesNothing", publishErrorWritesNothing},
	{"CanceledWritesNothing", publishCanceledWritesNothing},
	{"DueLater", publishDueLater},
	{"HandOverIsLeased", publishHandOverIsLeased},
	{"PublishedFindsWhatIsStored", publishedFindsWhatIsStored},
	{"PayloadByteForByte", publishPayloadByteForByte},
	{"IsDurable", publishIsDurable},
}

func publishStoresEventAndDeliveries(w *world) {
	a, b := w.endpoint(acme), w.endpoint(acme)
	p := w.publication(acme, a.ID, b.ID)
	p.Event.Timestamp = w.now.Add(-time.Hour)
	p.Event.IdempotencyKey, p.Event.Subject = "invoice/1", "customer/7"
	p.Event.Metadata = map[string]string{"trace": "0af7"}

	got := w.publish(p)[0]
	want := store.PublishResult{Receipt: webhook.Receipt{EventID: p.Event.ID, Deliveries: 2}}
	if got != want {
		w.t.Errorf("Publish = %+v; want %+v: the publisher's receipt is wrong", got, want)
	}
	ev, err := w.store.Event(w.ctx, acme, p.Event.ID)
	w.must(err, "Event")
	if !same(ev, p.Event) {
		w.t.Errorf("Event after Publish = %+v; want %+v: part of the event was lost", ev, p.Event)
	}
	for _, nd := range p.Deliveries {
		want := webhook.Delivery{
			Priority: webhook.PriorityNormal,
			ID:       nd.ID, Tenant: acme, EventID: p.Event.ID, EndpointID: nd.Endpoint, EventType: "invoice.paid",
			Status: webhook.DeliveryPending, NextAttemptAt: w.now, CreatedAt: w.now, UpdatedAt: w.now,
		}
		if d := w.delivery(acme, nd.ID); !same(d, want) {
			w.t.Errorf("Delivery after Publish = %+v; want %+v: a delivery is pending and due at once", d, want)
		}
	}
	claimed := w.poll(w.acquire())
	if len(claimed) != 2 {
		w.t.Errorf("Poll after Publish = %d jobs; want 2: a stored delivery would never be sent", len(claimed))
	}
}

func publishStoresEventWithoutDeliveries(w *world) {
	p := w.publication(acme)
	if got := w.publish(p)[0]; got.Outcome != store.PublishStored || got.Receipt.Deliveries != 0 {
		w.t.Errorf("Publish without deliveries = %+v; want stored, 0 deliveries: an event nobody subscribed to is kept too", got)
	}
	w.wantPublished(true, "Publish without deliveries", p)
}

func publishNothing(w *world) {
	results, err := w.store.Publish(w.ctx, w.now, nil)
	if err != nil || len(results) != 0 {
		w.t.Errorf("Publish of nothing = %v, error %v; want nothing, no error", results, err)
	}
}

// wantPublished checks that publications are there with all they have, or that
// nothing of them is.
func (w *world) wantPublished(want bool, call string, pubs ...store.Publication) {
	w.t.Helper()
	for _, p := range pubs {
		key := store.EventKey{Tenant: p.Event.Tenant, ID: p.Event.ID}
		keys, err := w.store.Published(w.ctx, []store.EventKey{key})
		w.must(err, "Published")
		if got := slices.Equal(keys, []store.EventKey{key}); got != want {
			w.t.Errorf("Published after %s = %v; want %v: a publisher would be told the wrong thing", call, got, want)
		}
		if _, err := w.store.Event(w.ctx, key.Tenant, key.ID); (err == nil) != want {
			w.t.Errorf("Event after %s: error %v; want it there: %v", call, err, want)
		}
		for _, nd := range p.Deliveries {
			if _, err := w.store.Delivery(w.ctx, key.Tenant, nd.ID); (err == nil) != want {
				w.t.Errorf("Delivery after %s: error %v; want it there: %v: an event and its deliveries are one", call, err, want)
			}
		}
	}
}

func publishStaleWritesNothing(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	p.Revision--
	if got := w.publish(p)[0]; got.Outcome != store.PublishStale {
		w.t.Errorf("Publish at an older revision = %+v; want PublishStale: an event would miss a new endpoint or reach a deleted one", got)
	}
	w.wantPublished(false, "a stale Publish", p)
	before := w.publication(acme, ep.ID)
	w.endpoint(acme)
	if got := w.publish(before)[0]; got.Outcome != store.PublishStale {
		w.t.Errorf("Publish matched before CreateEndpoint = %+v; want PublishStale: the new endpoint would miss the event", got)
	}
	if n := len(w.poll(w.acquire())); n != 0 {
		w.t.Errorf("Poll after stale publishes = %d jobs; want 0: deliveries of refused events would be sent", n)
	}
}

func publishTenantWithoutEndpoints(w *world) {
	p := w.publication(nobody)
	p.Revision = 0
	if got := w.publish(p)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish at revision 0 without endpoints = %+v; want stored: a new tenant could not publish", got)
	}
}

func publishRevisionIsTheTenantsOwn(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	w.endpoint(globex)
	if got := w.publish(p)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish after another tenant's change = %+v; want stored: one tenant's changes would hold up all others", got)
	}
}

func publishBatchStoresWhatIsNotRefused(w *world) {
	a, b := w.endpoint(acme), w.endpoint(globex)
	first := w.publication(acme, a.ID)
	first.Event.IdempotencyKey = "k"
	w.stored(first)

	conflict := w.publication(acme, a.ID)
	conflict.Event.IdempotencyKey, conflict.ContentHash = "k", []byte("other content")
	stale := w.publication(globex, b.ID)
	stale.Revision--
	good1, good2 := w.publication(acme, a.ID), w.publication(globex, b.ID)

	got := w.publish(good1, conflict, stale, good2)
	want := []store.PublishOutcome{store.PublishStored, store.PublishConflict, store.PublishStale, store.PublishStored}
	for i := range want {
		if got[i].Outcome != want[i] {
			w.t.Errorf("Publish of a mixed batch: outcome %d = %v; want %v: one caller's mistake would hit another's event", i, got[i].Outcome, want[i])
		}
	}
	w.wantPublished(true, "a batch with refused ones", good1, good2)
	w.wantPublished(false, "being refused in a batch", conflict, stale)
}

func publishErrorWritesNothing(w *world) {
	ep := w.endpoint(acme)
	old := w.publication(acme, ep.ID)
	w.stored(old)

	good, broken := w.publication(acme, ep.ID), w.publication(acme, ep.ID)
	broken.Deliveries = append(broken.Deliveries, old.Deliveries[0]) // an id that is taken
	_, err := w.store.Publish(w.ctx, w.now, []store.Publication{good, broken})
	if err == nil {
		w.t.Errorf("Publish with the id of another delivery = no error; want one: a delivery would be overwritten")
	}
	w.wantPublished(false, "a Publish that returned an error", good)
	if _, err := w.store.Event(w.ctx, acme, broken.Event.ID); err == nil {
		w.t.Errorf("Event after a Publish that returned an error is there; want ErrNotFound: half of a batch was written")
	}
}

func publishCanceledWritesNothing(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.store.Publish(ctx, w.now, []store.Publication{p}); err == nil {
		w.t.Errorf("Publish with a canceled context = no error; want one")
	}
	w.wantPublished(false, "a canceled Publish", p)
}

func publishDueLater(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID, ep.ID)
	due := w.now.Add(time.Minute)
	p.Deliveries[1].Due = due
	w.stored(p)
	epoch := w.acquire()
	if got := ids(w.poll(epoch)); !slices.Equal(got, []string{p.Deliveries[0].ID}) {
		w.t.Errorf("Poll before a first attempt is due = %v; want only %s", got, p.Deliveries[0].ID)
	}
	if d := w.delivery(acme, p.Deliveries[1].ID); !d.NextAttemptAt.Equal(due) {
		w.t.Errorf("Delivery that is due later: next attempt at %v; want %v", d.NextAttemptAt, due)
	}
	w.now = due
	if got := ids(w.poll(epoch)); !slices.Equal(got, []string{p.Deliveries[1].ID}) {
		w.t.Errorf("Poll when a first attempt is due = %v; want %s", got, p.Deliveries[1].ID)
	}
}

func publishHandOverIsLeased(w *world) {
	a, b := w.endpoint(acme), w.endpoint(acme)
	epoch := w.acquire()
	p := w.publication(acme, a.ID, b.ID)
	p.Epoch, p.Deliveries[0].HandOver = epoch, true
	w.stored(p)

	mine := store.Held{Tenant: p.Event.Tenant, Delivery: p.Deliveries[0].ID, Claim: 1}
	if held := w.held(epoch); !slices.Equal(held, []store.Held{mine}) {
		w.t.Errorf("Held after a hand-over = %v; want %v: the publisher's fence is not the row's", held, mine)
	}
	if claimed := w.poll(epoch); !slices.Equal(ids(claimed), []string{p.Deliveries[1].ID}) {
		w.t.Errorf("Poll after a hand-over = %v; want only %s, which was not handed over: it would be sent twice or never", ids(claimed), p.Deliveries[1].ID)
	}
	w.accepted(epoch, w.delivered(store.Claimed{Tenant: acme, Delivery: mine.Delivery, Endpoint: a.ID, Claim: 1}))
	if d := w.delivery(acme, mine.Delivery); d.Status != webhook.DeliveryDelivered {
		w.t.Errorf("Delivery after settling a hand-over = %s; want delivered", d.Status)
	}
}

func publishedFindsWhatIsStored(w *world) {
	a, b := w.publication(acme), w.publication(globex)
	w.stored(a, b)
	keys := []store.EventKey{
		{Tenant: acme, ID: a.Event.ID},
		{Tenant: globex, ID: b.Event.ID},
		{Tenant: globex, ID: a.Event.ID},              // of another tenant
		{Tenant: acme, ID: w.id(webhook.PrefixEvent)}, // of nobody
	}
	got, err := w.store.Published(w.ctx, keys)
	w.must(err, "Published")
	if len(got) != 2 || !slices.Contains(got, keys[0]) || !slices.Contains(got, keys[1]) {
		w.t.Errorf("Published = %v; want %v: the outcome of an unknown commit would be guessed wrong", got, keys[:2])
	}
	if got, err := w.store.Published(w.ctx, nil); err != nil || len(got) != 0 {
		w.t.Errorf("Published of nothing = %v, error %v; want nothing, no error", got, err)
	}
}

func publishPayloadByteForByte(w *world) {
	payloads := []string{
		`{ "b" : 1.0, "a":1e2,"a":2 }`, // spacing, order, numbers and doubles that a JSON column would change
		"\t[ ]\n",
		`"\u0000 \ud800 \u00e9"`,               // escapes that are no characters
		"\"é e\u0301 \ufeff \u2028 𝄞 \uffff\"", // forms that a text column could normalise
		`{"quote":"'; -- \\ % _ ? $1 :a"}`,
		`"` + strings.Repeat("é", 128<<10-1) + `"`, // 256 KiB
	}
	for i, payload := range payloads {
		p := w.publication(acme)
		p.Event.Data = []byte(payload)
		w.stored(p)
		for call, read := range w.readers(p.Event) {
			got := read()
			if !bytes.Equal(got.Data, []byte(payload)) {
				w.t.Errorf("%s: payload %d = %d bytes; want %d, byte for byte: the signature would not fit what was published", call, i, len(got.Data), len(payload))
			}
		}
	}
}

// readers are the ways to read an event with its payload.
func (w *world) readers(ev webhook.Event) map[string]func() webhook.Event {
	return map[string]func() webhook.Event{
		"Event": func() webhook.Event {
			got, err := w.store.Event(w.ctx, ev.Tenant, ev.ID)
			w.must(err, "Event")
			return got
		},
		"EventsByKey": func() webhook.Event {
			got, err := w.store.EventsByKey(w.ctx, []store.EventKey{{Tenant: ev.Tenant, ID: ev.ID}})
			w.must(err, "EventsByKey")
			if len(got) != 1 {
				w.t.Fatalf("EventsByKey of a stored event = %d events; want 1", len(got))
			}
			return got[0]
		},
	}
}

func publishIsDurable(w *world) {
	ep := w.endpoint(acme)
	var pubs []store.Publication
	for i := range 3 {
		p := w.publication(acme, ep.ID)
		p.Event.IdempotencyKey = fmt.Sprint("key ", i)
		pubs = append(pubs, p)
	}
	w.stored(pubs...)
	w.reopen()
	w.wantPublished(true, "Publish and a crash", pubs...)
	again := w.publication(acme, ep.ID)
	again.Event.IdempotencyKey = "key 0"
	if got := w.publish(again)[0]; got.Outcome != store.PublishDuplicate || got.Receipt.EventID != pubs[0].Event.ID {
		w.t.Errorf("Publish of a known key after a crash = %+v; want the receipt of %s", got, pubs[0].Event.ID)
	}
	if n := len(w.poll(w.acquire())); n != 3 {
		w.t.Errorf("Poll after a crash = %d jobs; want 3: what Publish promised is lost", n)
	}
}

func publishKeepsAttributes(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	p.Event.Source, p.Event.OrderingKey, p.Event.Channels = "billing", "customer 1", []string{"project 1", "all"}
	p.Event.Priority, p.Event.DeliverAt = webhook.PriorityLow, w.now.Add(time.Hour)
	d := &p.Deliveries[0]
	d.Priority, d.Ordered, d.Key, d.Due = webhook.PriorityHigh, true, "", p.Event.DeliverAt
	w.stored(p)
	got, err := w.store.Event(w.ctx, acme, p.Event.ID)
	w.must(err, "Event")
	if !same(got, p.Event) {
		w.t.Errorf("Event = %+v; want %+v", got, p.Event)
	}
	delivery := w.delivery(acme, d.ID)
	if delivery.Priority != d.Priority || !delivery.Ordered || delivery.OrderingKey != d.Key {
		w.t.Errorf("Delivery = %+v; want the priority, order and key of %+v", delivery, *d)
	}
	epoch := w.acquire()
	if jobs := w.poll(epoch); len(jobs) != 0 {
		w.t.Fatalf("Poll an hour before it is due = %d jobs; want 0", len(jobs))
	}
	w.advance(time.Hour)
	if c := w.pollOne(epoch); c.Priority != d.Priority || !c.Ordered || c.Key != d.Key || c.Seq == 0 {
		w.t.Errorf("Poll = %+v; want the priority, order and key of %+v, and a number", c, *d)
	}
}

// publishKeepsTheTrace has two events in traces, one of which has a state, and one in
// none. What is kept is found by whoever claims, after the process is gone.
func publishKeepsTheTrace(w *world) {
	ep := w.endpoint(acme)
	traces := []webhook.TraceContext{
		{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "rojo=00f067aa0ba902b7,congo=\"t61\""},
		{Parent: "00-11112222333344445555666677778888-aaaabbbbccccdddd-00"},
		{},
	}
	pubs := make([]store.Publication, len(traces))
	for i := range pubs {
		pubs[i] = w.publication(acme, ep.ID)
		pubs[i].Event.Trace = traces[i]
	}
	w.stored(pubs...)
	if w.h.Reopen != nil {
		w.reopen()
	}
	var keys []store.EventKey
	for _, c := range w.poll(w.acquire()) {
		keys = append(keys, store.EventKey{Tenant: c.Tenant, ID: c.Event})
	}
	events, err := w.store.EventsByKey(w.ctx, keys)
	w.must(err, "EventsByKey")
	got := make(map[string]webhook.TraceContext)
	for _, ev := range events {
		got[ev.ID] = ev.Trace
	}
	for i := range pubs {
		if trace, ok := got[pubs[i].Event.ID]; !ok || trace != traces[i] {
			w.t.Errorf("EventsByKey after a crash: trace = %+v; want %+v: attempts would not be in the trace of whoever published", trace, traces[i])
		}
	}
}
