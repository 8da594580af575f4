package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var watchingCases = []testCase{
	{"TailShowsTheNewest", tailNewest},
	{"TailIsBounded", tailBounded},
	{"TailShowsKnownAgain", tailKnown},
	{"TailShowsTheBacklog", tailBacklog},
	{"TailAnswersEachAsk", tailEach},
	{"TailReadsAsTheListDoes", tailAsList},
	{"LagOfWhatWaits", lagWaiting},
	{"LagOfLanes", lagLanes},
}

// tail asks one question and returns the ids of the answer, in order.
func (w *world) tail(since time.Time, ask store.TailAsk) []string {
	w.t.Helper()
	return w.tails(since, ask)[0]
}

func (w *world) tails(since time.Time, asks ...store.TailAsk) [][]string {
	w.t.Helper()
	got, err := w.store.TailDeliveries(w.ctx, w.now, since, asks)
	w.must(err, "TailDeliveries")
	if len(got.Deliveries) != len(asks) {
		w.t.Fatalf("TailDeliveries = %d answers to %d asks", len(got.Deliveries), len(asks))
	}
	if !got.At.Equal(w.now) {
		w.t.Errorf("TailDeliveries = as of %v; want the store's time, %v: who goes on from there misses something", got.At, w.now)
	}
	answers := make([][]string, len(asks))
	for i, list := range got.Deliveries {
		for _, d := range list {
			answers[i] = append(answers[i], d.ID)
		}
		slices.Sort(answers[i])
	}
	return answers
}

func (w *world) wantTail(why string, since time.Time, ask store.TailAsk, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.tail(since, ask); !slices.Equal(got, want) {
		w.t.Errorf("TailDeliveries, %s = %v; want %v", why, got, want)
	}
}

func tailNewest(w *world) {
	epoch := w.acquire()
	a, b := w.endpoint(acme), w.endpoint(acme)
	w.waiting(acme, a.ID, 1)
	w.advance(time.Minute)
	since := w.now
	w.wantTail("of a time when nothing was published", since, store.TailAsk{Tenant: acme})
	ofA, ofB := w.waiting(acme, a.ID, 2), w.waiting(acme, b.ID, 1)
	all := append(slices.Clone(ofA), ofB...)
	w.wantTail("of what was published meanwhile", since, store.TailAsk{Tenant: acme}, all...)
	w.wantTail("of an endpoint", since, store.TailAsk{Tenant: acme, Endpoint: a.ID}, ofA...)
	w.wantTail("of an unknown endpoint", since, store.TailAsk{Tenant: acme, Endpoint: w.id(webhook.PrefixEndpoint)})
	w.wantTail("of another tenant", since, store.TailAsk{Tenant: globex})
	var items []store.Settled
	for _, c := range w.pollAll(epoch, 4) {
		items = append(items, w.delivered(c))
	}
	w.accepted(epoch, items...)
	w.wantTail("of what was delivered meanwhile", since, store.TailAsk{Tenant: acme}, all...)
	w.wantTail("of what was delivered of an endpoint", since, store.TailAsk{Tenant: acme, Endpoint: b.ID}, ofB...)
}

func tailBounded(w *world) {
	ep := w.endpoint(acme)
	var ids []string
	var pubs []store.Publication
	for range 2*store.MaxTail + 20 {
		p := w.publication(acme, ep.ID)
		ids, pubs = append(ids, p.Deliveries[0].ID), append(pubs, p)
	}
	w.stored(pubs...)
	for name, ask := range map[string]store.TailAsk{
		"a tenant": {Tenant: acme}, "an endpoint": {Tenant: acme, Endpoint: ep.ID}, "a backlog": {Tenant: acme, Backlog: true},
	} {
		got := w.tail(w.now, ask)
		if len(got) < store.MaxTail || len(got) > 2*store.MaxTail {
			w.t.Errorf("TailDeliveries of %s with %d = %d; want the newest, %d or up to twice as many", name, len(ids), len(got), store.MaxTail)
		}
		if newest := ids[len(ids)-store.MaxTail:]; !slices.Equal(got[max(len(got)-store.MaxTail, 0):], newest) {
			w.t.Errorf("TailDeliveries of %s with %d = %v; want the newest of them", name, len(ids), got)
		}
	}
}

func tailKnown(w *world) {
	epoch := w.acquire()
	ep, foreign := w.endpoint(acme), w.endpoint(globex)
	ids := w.waiting(acme, ep.ID, 3)
	c := w.pollAll(epoch, 3)
	w.accepted(epoch, w.delivered(c[0]), w.retried(c[1], w.now.Add(time.Hour)))
	theirs := w.waiting(globex, foreign.ID, 1)
	w.advance(time.Minute)
	known := append(slices.Clone(ids), theirs[0], w.id(webhook.PrefixDelivery))
	w.wantTail("of those that are known", w.now, store.TailAsk{Tenant: acme, Known: known}, ids...)
	w.wantTail("of those that are known and new", w.now.Add(-time.Hour), store.TailAsk{Tenant: acme, Known: known}, ids...)
	w.wantTail("of those that another tenant knows", w.now, store.TailAsk{Tenant: globex, Known: known}, theirs...)
	many := make([]string, 0, 3*store.MaxTail)
	for range store.MaxTail {
		many = append(many, ids...)
	}
	w.wantTail("of more that are known than an answer has of others", w.now, store.TailAsk{Tenant: acme, Known: many}, ids...)
}

func tailBacklog(w *world) {
	epoch := w.acquire()
	ep, other := w.endpoint(acme), w.endpoint(acme)
	old := w.waiting(acme, ep.ID, 2)
	c := w.pollAll(epoch, 2)
	w.accepted(epoch, w.delivered(c[0]), w.retried(c[1], w.now.Add(time.Hour)))
	others := w.waiting(acme, other.ID, 1)
	w.advance(time.Minute)
	fresh := w.waiting(acme, ep.ID, 1)
	pending := slices.DeleteFunc(slices.Clone(old), func(id string) bool { return id == c[0].Delivery })
	w.wantTail("of what is pending", w.now, store.TailAsk{Tenant: acme, Backlog: true}, slices.Concat(pending, others, fresh)...)
	w.wantTail("of what is pending at an endpoint", w.now, store.TailAsk{Tenant: acme, Endpoint: ep.ID, Backlog: true}, slices.Concat(pending, fresh)...)
	w.wantTail("of what is new", w.now, store.TailAsk{Tenant: acme}, fresh...)
	w.wantTail("of nobody's backlog", w.now, store.TailAsk{Tenant: globex, Backlog: true})
	w.poll(epoch)
	w.wantTail("of what is leased", w.now, store.TailAsk{Tenant: acme, Endpoint: ep.ID, Backlog: true}, slices.Concat(pending, fresh)...)
	w.redeliver(c[0])
	w.wantTail("of what is redelivered", w.now, store.TailAsk{Tenant: acme, Endpoint: ep.ID, Backlog: true}, slices.Concat(old, fresh)...)
}

func tailEach(w *world) {
	mine, theirs := w.endpoint(acme), w.endpoint(globex)
	a, b := w.waiting(acme, mine.ID, 2), w.waiting(globex, theirs.ID, 1)
	got := w.tails(w.now,
		store.TailAsk{Tenant: globex}, store.TailAsk{Tenant: acme, Endpoint: mine.ID}, store.TailAsk{Tenant: nobody},
		store.TailAsk{Tenant: acme}, store.TailAsk{Tenant: globex, Endpoint: mine.ID, Known: a})
	if want := [][]string{b, a, nil, a, nil}; !slices.EqualFunc(got, want, slices.Equal) {
		w.t.Errorf("TailDeliveries of five asks = %v; want %v: a tenant sees another's", got, want)
	}
	if got := w.tails(w.now); len(got) != 0 {
		w.t.Errorf("TailDeliveries of no ask = %v; want nothing", got)
	}
}

func tailAsList(w *world) {
	epoch := w.acquire()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 2)
	plain := w.endpoint(acme)
	w.waiting(acme, plain.ID, 2)
	c := w.pollAll(epoch, 4)
	w.accepted(epoch, w.failed(c[0]), w.retried(c[1], w.now.Add(time.Hour)))
	list, err := w.store.ListDeliveries(w.ctx, acme, store.DeliveryFilter{}, store.Page{})
	w.must(err, "ListDeliveries")
	got, err := w.store.TailDeliveries(w.ctx, w.now, w.now.Add(-time.Minute), []store.TailAsk{{Tenant: acme}})
	w.must(err, "TailDeliveries")
	slices.SortFunc(got.Deliveries[0], func(a, b webhook.Delivery) int { return strings.Compare(b.ID, a.ID) })
	if len(list) != 4 || !slices.Equal(got.Deliveries[0], list) {
		w.t.Errorf("TailDeliveries = %+v\nwant what the list has:\n%+v", got.Deliveries[0], list)
	}
}

func (w *world) wantLag(want time.Duration, why string) {
	w.t.Helper()
	if got, err := w.store.Lag(w.ctx, w.now); err != nil || got != want {
		w.t.Errorf("Lag = %v, %v; want %v: %s", got, err, want, why)
	}
}

func lagWaiting(w *world) {
	epoch := w.acquire()
	w.wantLag(0, "there is nothing")
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	w.wantLag(0, "it has just fallen due")
	w.advance(time.Minute)
	w.waiting(acme, ep.ID, 1)
	w.wantLag(time.Minute, "a delivery has waited so long")
	c := w.pollAll(epoch, 2)
	w.advance(time.Minute)
	w.wantLag(0, "a process has them")
	w.accepted(epoch, w.delivered(c[0]), w.retried(c[1], w.now.Add(time.Minute)))
	w.wantLag(0, "it is not due")
	w.advance(time.Minute + time.Second)
	w.wantLag(time.Second, "a retry is late")
}

func lagLanes(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 2, w.now.Add(time.Minute))
	w.advance(30 * time.Second)
	w.wantLag(0, "the lane is shut: the endpoint holds it up, not the process")
	w.advance(40 * time.Second)
	w.wantLag(10*time.Second, "nobody takes from a lane that is due")
	w.take(epoch, acme, ep.ID, many, time.Time{})
	w.wantLag(0, "all is taken")
}
