package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var maintenanceCases = []testCase{
	{"NothingWithinRetention", pruneNothingWithinRetention},
	{"PayloadsAndAttempts", prunePayloads},
	{"EventsAndDeliveries", pruneDeliveries},
	{"PendingExpires", prunePendingExpires},
	{"LeasedIsSpared", pruneSparesLeased},
	{"Keys", pruneKeys},
	{"Statistics", pruneStatistics},
	{"Tombstones", pruneTombstones},
	{"TombstonesInUseStay", pruneTombstonesInUse},
	{"IsBoundedOldestFirst", pruneIsBounded},
	{"MoreUntilAllIsRemoved", pruneMoreUntilAll},
	{"DeadLetters", pruneDeadLetters},
	{"DeadLettersAreBounded", pruneDeadLettersBounded},
	{"EmptyStore", pruneEmpty},
}

// retention is short, so that ids and times stay in one year.
var retention = store.Retention{
	Payloads:   24 * time.Hour,
	Deliveries: 72 * time.Hour,
	Statistics: 480 * time.Hour,
	Audit:      480 * time.Hour,
	Tombstones: 48 * time.Hour,
}

// prune removes once what is past its retention.
func (w *world) prune(limit int) store.Pruned {
	w.t.Helper()
	p, err := w.store.Prune(w.ctx, w.now, retention, limit)
	w.must(err, "Prune")
	return p
}

// pruneAll prunes until there is no more, and returns the sum.
func (w *world) pruneAll() store.Pruned {
	w.t.Helper()
	return w.pruneBy(100)
}

// pruneBy is pruneAll, a few at a time.
func (w *world) pruneBy(limit int) store.Pruned {
	w.t.Helper()
	var sum store.Pruned
	for range many {
		p := w.prune(limit)
		sum.Add(p)
		if !p.More {
			return sum
		}
	}
	w.t.Fatalf("Prune never came to an end: More is always true")
	return sum
}

func pruneEmpty(w *world) {
	w.endpoint(acme)
	if got := w.prune(100); !reflect.DeepEqual(got, store.Pruned{}) {
		w.t.Errorf("Prune of a fresh store = %+v; want nothing, and no more", got)
	}
}

func pruneNothingWithinRetention(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	p := w.keyed("k", acme, ep.ID)
	p.KeyExpires = w.now.Add(retention.Payloads)
	w.stored(p)
	w.accepted(epoch, w.retried(w.pollOne(epoch), w.now.Add(time.Minute)))
	w.advance(retention.Payloads - time.Minute)
	if got := w.prune(100); !reflect.DeepEqual(got, store.Pruned{}) {
		w.t.Errorf("Prune within every retention = %+v; want nothing", got)
	}
	if ev, err := w.store.Event(w.ctx, acme, p.Event.ID); err != nil || ev.Data == nil {
		w.t.Errorf("Event within retention = %+v, error %v; want it with its payload", ev, err)
	}
	if n := len(w.attempts(acme, p.Deliveries[0].ID)); n != 1 {
		w.t.Errorf("Attempts within retention = %d; want 1", n)
	}
	if n := len(w.poll(epoch)); n != 1 {
		w.t.Errorf("Poll after Prune within retention = %d jobs; want 1: the retry is pending", n)
	}
}

func prunePayloads(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.delivered(c))
	before := w.delivery(acme, c.Delivery)
	w.expire(retention.Payloads)
	fresh := w.publication(acme)
	w.stored(fresh)
	if got := w.pruneAll(); got.Payloads != 1 || got.Attempts != 1 || got.Events != 0 || got.Deliveries != 0 || got.Expired != 0 {
		w.t.Errorf("Prune after the retention of payloads = %+v; want 1 payload, 1 attempt", got)
	}
	for call, read := range w.readers(webhook.Event{Tenant: acme, ID: c.Event}) {
		if ev := read(); ev.Data != nil || ev.ID != c.Event || ev.Type != "invoice.paid" {
			w.t.Errorf("%s after the retention of payloads = %+v; want the event without data: personal data would be kept", call, ev)
		}
	}
	if n := len(w.attempts(acme, c.Delivery)); n != 0 {
		w.t.Errorf("Attempts after the retention of payloads = %d; want 0", n)
	}
	if got := w.delivery(acme, c.Delivery); !same(got, before) {
		w.t.Errorf("Delivery after the retention of payloads = %+v; want it unchanged: %+v", got, before)
	}
	if ev, err := w.store.Event(w.ctx, acme, fresh.Event.ID); err != nil || ev.Data == nil {
		w.t.Errorf("Event of now after Prune = %+v, error %v; want it with its payload", ev, err)
	}
}

func pruneDeliveries(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.delivered(c))
	w.expire(retention.Deliveries)
	keptEvent := w.publication(acme, c.Endpoint)
	w.stored(keptEvent)
	if got := w.pruneAll(); got.Events != 1 || got.Deliveries != 1 || got.Payloads != 1 || got.Attempts != 1 {
		w.t.Errorf("Prune after the retention of deliveries = %+v; want 1 event, payload, delivery and attempt", got)
	}
	if _, err := w.store.Event(w.ctx, acme, c.Event); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Event after its retention: error %v; want ErrNotFound", err)
	}
	if _, err := w.store.Delivery(w.ctx, acme, c.Delivery); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Delivery after its retention: error %v; want ErrNotFound", err)
	}
	want := []string{keptEvent.Deliveries[0].ID}
	for name, f := range map[string]store.DeliveryFilter{"nothing": {}, "the endpoint": {Endpoint: c.Endpoint}} {
		if got := w.deliveryIDs(acme, f); !slices.Equal(got, want) {
			w.t.Errorf("ListDeliveries filtered by %s after Prune = %v; want %v", name, got, want)
		}
	}
	if n := len(w.poll(epoch)); n != 1 {
		w.t.Errorf("Poll after Prune = %d jobs; want 1, of the event that is kept", n)
	}
}

func prunePendingExpires(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	parked := w.waiting(acme, ep.ID, 1)[0]
	w.park(epoch, never)
	w.waiting(acme, ep.ID, 1)
	c := w.pollOne(epoch)
	w.accepted(epoch, w.retried(c, w.now.Add(1000*time.Hour)))
	w.expire(retention.Payloads)
	got := w.pruneAll()
	if got.Expired != 2 || got.Payloads != 2 || got.Deliveries != 0 {
		w.t.Errorf("Prune of two pending deliveries past their payloads' retention = %+v; want 2 expired", got)
	}
	if want := []string{parked, c.Delivery}; !slices.Equal(expired(got), want) {
		w.t.Errorf("Prune says that %v expired; want %v: somebody must be told", expired(got), want)
	}
	for id, attempts := range map[string]int{parked: 0, c.Delivery: 1} {
		d := w.delivery(acme, id)
		if d.Status != webhook.DeliveryCanceled || d.Reason != webhook.ReasonExpired || !d.NextAttemptAt.IsZero() || d.Attempts != attempts || !d.UpdatedAt.Equal(w.now) {
			w.t.Errorf("Delivery after its payload's retention = %+v; want canceled, reason expired, at %v", d, w.now)
		}
	}
	w.advance(2000 * time.Hour)
	if n, m := len(w.poll(epoch)), len(w.take(epoch, acme, ep.ID, 10, time.Time{})); n != 0 || m != 0 {
		w.t.Errorf("Poll and Take after the payloads are gone = %d, %d jobs; want 0: there is nothing to send", n, m)
	}
}

// expired returns the ids of what a Prune canceled, if it tells all there is to
// know of them.
func expired(p store.Pruned) (ids []string) {
	for _, d := range p.ExpiredDeliveries {
		if d.Tenant == acme && d.EndpointID != "" && d.EventID != "" && d.EventType != "" {
			ids = append(ids, d.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func pruneSparesLeased(w *world) {
	w.byRow()
	epoch := w.acquire()
	c := w.job(epoch)
	other := w.waiting(acme, c.Endpoint, 1)[0]
	w.expire(retention.Payloads)
	if got := w.pruneAll(); got.Expired != 1 || got.Payloads != 1 || w.delivery(acme, other).Status != webhook.DeliveryCanceled {
		w.t.Errorf("Prune of a leased delivery and a later one that waits = %+v; want the later one expired: one delivery must not hold up the rest", got)
	}
	w.advance(retention.Deliveries)
	if got := w.pruneAll(); got.Expired != 0 || got.Deliveries != 1 || got.Events != 1 || got.Payloads != 0 {
		w.t.Errorf("Prune while a delivery is leased = %+v; want only the other one removed: it is being sent", got)
	}
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending {
		w.t.Errorf("Delivery that is leased after Prune = %s; want pending", d.Status)
	}
	if ev, err := w.store.Event(w.ctx, acme, c.Event); err != nil || ev.Data == nil {
		w.t.Errorf("Event of a leased delivery after Prune = %+v, error %v; want it with its payload", ev, err)
	}
	w.accepted(epoch, w.retried(c, w.now.Add(time.Hour)))
	if got := w.pruneAll(); got.Expired != 1 || got.Payloads != 1 {
		w.t.Errorf("Prune after the lease ended = %+v; want 1 expired: it would be pending for ever", got)
	}
}

func pruneKeys(w *world) {
	short, long := w.keyed("short", acme), w.keyed("long", acme)
	short.KeyExpires, long.KeyExpires = w.now.Add(time.Hour), w.now.Add(3*time.Hour)
	w.stored(short, long)
	w.advance(2 * time.Hour)
	if got := w.pruneAll(); !reflect.DeepEqual(got, store.Pruned{IdempotencyKeys: 1}) {
		w.t.Errorf("Prune after one of two keys expired = %+v; want that key", got)
	}
	w.wantDuplicate("Publish with the key that is left", w.publish(w.keyed("long", acme))[0], long)
	w.advance(2 * time.Hour)
	if got := w.pruneAll(); !reflect.DeepEqual(got, store.Pruned{IdempotencyKeys: 1}) {
		w.t.Errorf("Prune after both keys expired = %+v; want the other key", got)
	}
}

func pruneStatistics(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	old := w.now
	w.accepted(epoch, w.delivered(c))
	w.advance(retention.Statistics + 2*time.Hour)
	w.accepted(epoch, w.delivered(w.job(epoch)))
	if got := w.pruneAll(); got.Statistics == 0 {
		w.t.Errorf("Prune after the retention of statistics = %+v; want some of them: they would grow for ever", got)
	}
	got := w.stats(acme, store.StatScope{}, old.Add(-time.Hour), w.now.Add(time.Hour))
	if len(got) != 1 || !utc(got[0].Start).Equal(w.now.Truncate(time.Minute)) {
		w.t.Errorf("Stats after Prune = %+v; want only those of now", got)
	}
}

func pruneTombstones(w *world) {
	ep, kept := w.endpoint(acme), w.endpoint(acme)
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
	rev := w.revision(acme)
	w.advance(retention.Tombstones - time.Minute)
	if got := w.pruneAll(); got.Endpoints != 0 || len(w.engines(store.Lane{Tenant: acme, Endpoint: ep.ID})) != 1 {
		w.t.Errorf("Prune within the retention of tombstones = %+v; want none removed: a process would not learn of the deletion", got)
	}
	w.advance(2 * time.Minute)
	if got := w.pruneAll(); got.Endpoints != 1 {
		w.t.Errorf("Prune after the retention of tombstones = %+v; want 1 endpoint", got)
	}
	if got := w.engines(store.Lane{Tenant: acme, Endpoint: ep.ID}); len(got) != 0 {
		w.t.Errorf("EngineEndpoints after a tombstone is gone = %+v; want none", got)
	}
	if got := w.tenantEndpoints(acme, 0); !slices.Equal(got, []string{kept.ID}) || w.revision(acme) != rev {
		w.t.Errorf("TenantEndpoints after Prune = %v at %d; want %s at %d: the revision stays", got, w.revision(acme), kept.ID, rev)
	}
	if got, _ := w.changes(w.store, 0, 10); !slices.Equal(endpointIDs(got), []string{kept.ID}) {
		w.t.Errorf("ChangedEndpoints after Prune = %v; want %s", endpointIDs(got), kept.ID)
	}
}

// pruneTombstonesInUse keeps what the engine needs to cancel deliveries by.
func pruneTombstonesInUse(w *world) {
	epoch := w.acquire()
	waiting, parked, leased := w.endpoint(acme), w.endpoint(acme), w.endpoint(acme)
	w.waiting(acme, parked.ID, 1)
	w.park(epoch, never)
	w.waiting(acme, leased.ID, 1)
	c := w.pollOne(epoch)
	w.advance(2 * retention.Tombstones)
	w.waiting(acme, waiting.ID, 1)
	long := retention
	long.Payloads, long.Deliveries = 10000*time.Hour, 10000*time.Hour
	for _, ep := range []store.EndpointRecord{waiting, parked, leased} {
		w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
	}
	w.advance(2 * retention.Tombstones)
	prune := func() store.Pruned {
		w.t.Helper()
		p, err := w.store.Prune(w.ctx, w.now, long, 100)
		w.must(err, "Prune")
		return p
	}
	if got := prune(); got.Endpoints != 0 || got.More {
		w.t.Errorf("Prune of tombstones with deliveries in the queue = %+v; want none removed: the engine could not cancel them", got)
	}
	end := released(c, time.Time{})
	end.Status, end.Reason = webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted
	w.accepted(epoch, end)
	if got := prune(); got.Endpoints != 1 {
		w.t.Errorf("Prune after the last delivery of one of them ended = %+v; want 1 endpoint", got)
	}
	if got := w.tenantEndpoints(acme, 0); !slices.Equal(got, sorted([]string{waiting.ID, parked.ID})) {
		w.t.Errorf("TenantEndpoints after that = %v; want %s and %s", got, waiting.ID, parked.ID)
	}
	if !w.due(acme, parked.ID) {
		w.t.Errorf("Take after that: the lane of a tombstone is not due; want it: DeleteEndpoint made it due")
	}
}

func pruneIsBounded(w *world) {
	w.byRow()
	epoch := w.acquire()
	ep := w.endpoint(acme)
	var events []string
	for i := range 6 {
		p := w.keyed(fmt.Sprint(i), acme, ep.ID)
		w.stored(p)
		events = append(events, p.Event.ID)
		w.accepted(epoch, w.delivered(w.pollOne(epoch)))
		w.advance(time.Minute)
	}
	w.advance(retention.Deliveries)
	if got := w.prune(2); got.Events == 0 || got.Events > 4 || got.Payloads > 4 || got.Deliveries > 4 || got.Attempts > 4 || got.IdempotencyKeys > 4 || !got.More {
		w.t.Errorf("Prune with limit 2 of 6 = %+v; want about 2 of each kind, and more: a long transaction holds up publishers", got)
	}
	left, err := w.store.ListEvents(w.ctx, acme, store.Page{})
	w.must(err, "ListEvents")
	for i, ev := range left {
		if want := events[len(events)-1-i]; ev.ID != want {
			w.t.Errorf("ListEvents after a part of Prune: entry %d = %s; want %s: the oldest go first", i, ev.ID, want)
		}
	}
	w.pruneAll()
	if n := len(w.deliveryIDs(acme, store.DeliveryFilter{})); n != 0 {
		w.t.Errorf("ListDeliveries after all of Prune = %d; want 0", n)
	}
}

// pruneMoreUntilAll has six of one kind at a time, so that no other kind's More
// hides a missing one.
func pruneMoreUntilAll(w *world) {
	w.byRow()
	check := func(kind string, got int) {
		w.t.Helper()
		if got != 6 {
			w.t.Errorf("Prune, two at a time until there is no more = %d %s; want 6: it would fall behind", got, kind)
		}
	}
	for range 6 {
		w.stored(w.publication(acme))
	}
	w.expire(retention.Payloads)
	check("payloads", w.pruneBy(2).Payloads)
	w.advance(retention.Deliveries)
	check("events", w.pruneBy(2).Events)
	for i := range 6 {
		p := w.keyed(fmt.Sprint(i), acme)
		p.KeyExpires = w.now.Add(time.Minute)
		w.stored(p)
	}
	w.advance(time.Hour)
	check("keys", w.pruneBy(2).IdempotencyKeys)
	for range 6 {
		w.must(w.store.DeleteEndpoint(w.ctx, w.now, globex, w.endpoint(globex).ID), "DeleteEndpoint")
	}
	w.advance(retention.Tombstones - time.Hour)
	w.pruneAll() // the events
	w.advance(2 * time.Hour)
	check("endpoints", w.pruneBy(2).Endpoints)
}
