package storetest

import (
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var priorityCases = []testCase{
	{"TakeHighFirst", takeHighFirst},
	{"SharesComeBesideMax", sharesComeBesideMax},
	{"ShareOfNothing", shareOfNothing},
	{"SharesAreTheOldest", sharesAreTheOldest},
	{"SharesOfSeveralLanes", sharesOfSeveralLanes},
	{"SharesEmptyTheLane", sharesEmptyTheLane},
}

// prioritized parks one delivery of each priority and returns them in order.
func (w *world) prioritized(epoch int64, endpoint string, priorities ...webhook.Priority) (deliveries []string) {
	w.t.Helper()
	for _, priority := range priorities {
		p := w.publication(acme, endpoint)
		p.Deliveries[0].Priority = priority
		w.stored(p)
		deliveries = append(deliveries, p.Deliveries[0].ID)
	}
	w.park(epoch, until(w.now))
	return deliveries
}

const (
	high   = webhook.PriorityHigh
	normal = webhook.PriorityNormal
	low    = webhook.PriorityLow
)

func takeHighFirst(w *world) {
	ep, epoch := w.endpoint(acme), w.acquire()
	all := w.prioritized(epoch, ep.ID, low, "", high, normal, high)
	want := []string{all[2], all[4], all[1], all[3], all[0]}
	var got []string
	for range 3 {
		got = append(got, ids(w.take(epoch, acme, ep.ID, 2, w.now))...)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("Take, two at a time = %v; want %v: high priority first, and then the oldest", got, want)
	}
}

func sharesComeBesideMax(w *world) {
	ep, epoch := w.endpoint(acme), w.acquire()
	all := w.prioritized(epoch, ep.ID, low, normal, low, high, high, high)
	got := w.turn(epoch, store.Turn{Max: 2, Shares: store.Ranks{1: 1, 2: 1}, Gate: gateOf(ep, w.now)})
	want := []string{all[0], all[1], all[3], all[4]}
	if !slices.Equal(sorted(ids(got)), sorted(want)) {
		w.t.Errorf("Take of 2 and a share of one normal and one low = %v; want %v: what is low would starve", ids(got), want)
	}
	for _, c := range got {
		if c.Delivery == all[0] && c.Priority != low || c.Delivery == all[1] && c.Priority != normal {
			w.t.Errorf("Take of a share = priority %q for %s", c.Priority, c.Delivery)
		}
	}
	if !w.due(acme, ep.ID) {
		w.t.Errorf("Take that left rows: the lane is not due; want its gate, now")
	}
}

func shareOfNothing(w *world) {
	ep, epoch := w.endpoint(acme), w.acquire()
	all := w.prioritized(epoch, ep.ID, high, high, high)
	got := w.turn(epoch, store.Turn{Max: 1, Shares: store.Ranks{2: 5}, Gate: gateOf(ep, w.now)})
	if want := all[:1]; !slices.Equal(ids(got), want) {
		w.t.Errorf("Take of 1 and a share of what there is none of = %v; want %v", ids(got), want)
	}
}

func sharesAreTheOldest(w *world) {
	ep, epoch := w.endpoint(acme), w.acquire()
	all := w.prioritized(epoch, ep.ID, high, low, low, low)
	for _, want := range []string{all[1], all[2]} {
		got := w.turn(epoch, store.Turn{Shares: store.Ranks{2: 1}, Gate: gateOf(ep, w.now)})
		if !slices.Equal(ids(got), []string{want}) {
			w.t.Errorf("Take of a share of one low = %v; want %s, the oldest of them", ids(got), want)
		}
	}
}

func sharesOfSeveralLanes(w *world) {
	a, b, epoch := w.endpoint(acme), w.endpoint(acme), w.acquire()
	ofA := w.prioritized(epoch, a.ID, high, high, low, low)
	ofB := w.prioritized(epoch, b.ID, high, high, low, low)
	claimed, err := w.store.Take(w.ctx, w.now, epoch, many, nil, func(l store.Lane) store.Turn {
		if l.Endpoint == a.ID {
			return store.Turn{Max: 1, Gate: gateOf(a, w.now)}
		}
		return store.Turn{Max: 1, Shares: store.Ranks{2: 2}, Gate: gateOf(b, w.now)}
	})
	w.must(err, "Take")
	want := []string{ofA[0], ofB[0], ofB[2], ofB[3]}
	if !slices.Equal(sorted(ids(claimed)), sorted(want)) {
		w.t.Errorf("Take, where one of two lanes has a share for low = %v; want %v", ids(claimed), want)
	}
}

func sharesEmptyTheLane(w *world) {
	ep, epoch := w.endpoint(acme), w.acquire()
	w.prioritized(epoch, ep.ID, high, low)
	if n := len(w.turn(epoch, store.Turn{Max: 1, Shares: store.Ranks{2: 1}, Gate: gateOf(ep, w.now)})); n != 2 {
		w.t.Errorf("Take of 1 and a share of one low = %d jobs; want both", n)
	}
	if w.due(acme, ep.ID) {
		w.t.Errorf("Take that emptied the lane by a share: it is due; want not: it would get turns for ever")
	}
}
