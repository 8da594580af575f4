package storetest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var fenceCases = []testCase{
	{"WrongClaim", fenceWrongClaim},
	{"WrongEpoch", fenceWrongEpoch},
	{"UnknownDelivery", fenceUnknownDelivery},
	{"RepeatedSettle", fenceRepeatedSettle},
	{"StaleSettle", fenceStaleSettle},
	{"TwiceInOneSettle", fenceTwiceInOneSettle},
	{"WaitingRow", fenceWaitingRow},
	{"ParkedRow", fenceParkedRow},
	{"PartlyLostBatch", fencePartlyLost},
	{"OneOfManySettlesCounts", fenceOneOfMany},
	{"OtherProcess", fenceOtherProcess},
}

// wantLost settles one item that has no right to, with all that goes with it,
// and checks that it is reported and changes nothing.
func (w *world) wantLost(why string, epoch int64, item store.Settled) {
	w.t.Helper()
	delivery, attempts := w.read(acme, item.Delivery)
	health := w.engineHealth(acme, item.Endpoint)
	item.Health, item.Trips = store.HealthFailure, 2
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{item}})
	if want := []store.Held{{Tenant: item.Tenant, Delivery: item.Delivery, Claim: item.Claim}}; !slices.Equal(result.Lost, want) || len(result.Health) != 0 {
		w.t.Errorf("Settle with %s = %+v; want it lost and no health: a finish without the lease would count", why, result)
	}
	after, attemptsAfter := w.read(acme, item.Delivery)
	if !same(after, delivery) || len(attemptsAfter) != len(attempts) {
		w.t.Errorf("Delivery after a settle with %s = %+v, %d attempts; want it unchanged: %+v, %d", why, after, len(attemptsAfter), delivery, len(attempts))
	}
	if got := w.engineHealth(acme, item.Endpoint); !same(got, health) {
		w.t.Errorf("health after a settle with %s = %+v; want it unchanged: %+v: failures would count twice", why, got, health)
	}
}

// read is Delivery and Attempts where the delivery need not exist.
func (w *world) read(tenant, id string) (webhook.Delivery, []webhook.Attempt) {
	w.t.Helper()
	d, err := w.store.Delivery(w.ctx, tenant, id)
	if err != nil {
		d = webhook.Delivery{}
	}
	return d, w.attempts(tenant, id)
}

func (w *world) engineHealth(tenant, endpoint string) webhook.Health {
	w.t.Helper()
	return w.engine(tenant, endpoint).Health
}

// wantStats checks how many attempts the statistics of the tenant have.
func (w *world) wantStats(want int64, why string) {
	w.t.Helper()
	var got int64
	stats, err := w.store.Stats(w.ctx, acme, store.StatScope{}, w.now.Add(-1000*time.Hour), w.now.Add(time.Hour))
	w.must(err, "Stats")
	for _, s := range stats {
		got += s.Counts.Attempts
	}
	if got != want {
		w.t.Errorf("Stats after %s = %d attempts; want %d: statistics and history disagree", why, got, want)
	}
}

func fenceWrongClaim(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	for _, claim := range []int64{c.Claim - 1, c.Claim + 1} {
		item := w.delivered(c)
		item.Claim = claim
		w.wantLost("another claim", epoch, item)
	}
	w.wantStats(0, "settles with another claim")
	w.accepted(epoch, w.delivered(c))
	w.wantStats(1, "one accepted settle")
}

func fenceWrongEpoch(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	for _, other := range []int64{0, epoch - 1, epoch + 1} {
		w.wantLost("another epoch", other, w.delivered(c))
	}
	w.accepted(epoch, w.delivered(c))
}

func fenceUnknownDelivery(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	c.Delivery = w.id(webhook.PrefixDelivery)
	w.wantLost("an unknown delivery", epoch, w.delivered(c))
}

// fenceRepeatedSettle repeats a settle whose reply was lost.
func fenceRepeatedSettle(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	item := w.retried(c, w.now)
	w.accepted(epoch, item)
	w.wantLost("the fence of a retry that was settled", epoch, item)
	again := w.pollOne(epoch)
	w.wantLost("the fence of a retry that was settled, the row claimed anew", epoch, item)
	last := w.delivered(again)
	w.accepted(epoch, last)
	w.wantLost("the fence of an end that was settled", epoch, last)
	w.wantStats(2, "repeated settles")
}

func fenceStaleSettle(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, released(c, w.now))
	again := w.pollOne(epoch)
	w.wantLost("the claim before the present one", epoch, w.delivered(c))
	w.accepted(epoch, w.delivered(again))
}

func fenceTwiceInOneSettle(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	if lost := w.settle(epoch, w.retried(c, w.now), w.delivered(c)); len(lost) != 1 {
		w.t.Errorf("Settle of one claim twice in a batch: %d lost; want 1: after the first outcome the row is no longer leased", len(lost))
	}
	w.wantStats(1, "one claim settled twice")
	if n := len(w.attempts(acme, c.Delivery)); n != 1 {
		w.t.Errorf("Attempts after that = %d; want 1", n)
	}
}

func fenceWaitingRow(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, released(c, w.now))
	w.wantLost("the fence of a row that waits", epoch, w.delivered(c))
	w.wantLost("epoch 0, of a row that waits", 0, w.delivered(c))
	w.accepted(epoch, w.delivered(w.pollOne(epoch)))
}

func fenceParkedRow(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 1)
	w.park(epoch, until(w.now))
	c := store.Claimed{Tenant: acme, Delivery: d[0], Endpoint: ep.ID, Claim: 0}
	w.wantLost("claim 0 of a parked row", epoch, w.delivered(c))
	w.wantLost("claim 0 and epoch 0 of a parked row", 0, w.delivered(c))
	taken := w.take(epoch, acme, ep.ID, 1, time.Time{})
	if len(taken) != 1 {
		w.t.Fatalf("Take = %d jobs; want 1", len(taken))
	}
	w.accepted(epoch, w.delivered(taken[0]))
}

func fencePartlyLost(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 4)
	c := w.pollAll(epoch, 4)
	w.accepted(epoch, w.delivered(c[1]))
	stale := w.failed(c[3])
	stale.Claim++
	lost := w.settle(epoch, w.delivered(c[0]), w.failed(c[1]), w.retried(c[2], w.now), stale)
	if len(lost) != 2 || !slices.Contains(lost, fence(c[1])) || !slices.Contains(lost, store.Held{Tenant: c[3].Tenant, Delivery: c[3].Delivery, Claim: stale.Claim}) {
		w.t.Errorf("Settle of two good and two lost items: lost %+v; want %s and %s", lost, c[1].Delivery, c[3].Delivery)
	}
	for i, want := range []webhook.DeliveryStatus{
		webhook.DeliveryDelivered, webhook.DeliveryDelivered, webhook.DeliveryPending, webhook.DeliveryPending,
	} {
		if got := w.delivery(acme, c[i].Delivery).Status; got != want {
			w.t.Errorf("Delivery %d after a partly lost settle = %s; want %s: one lost item must not cost the others", i, got, want)
		}
	}
	w.wantStats(3, "a partly lost settle")
}

func fenceOneOfMany(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	var items []store.Settled
	for range 8 {
		items = append(items, w.delivered(c))
	}
	var lost atomic.Int64
	concurrently(w.t, len(items), func(i int) error {
		result, err := w.store.Settle(w.ctx, w.now, store.Settlement{Epoch: epoch, Items: items[i : i+1]})
		lost.Add(int64(len(result.Lost)))
		return err
	})
	if n := lost.Load(); n != 7 {
		w.t.Errorf("Settle of one claim 8 times at once: %d lost; want 7: one claim has one outcome", n)
	}
	w.wantStats(1, "one claim settled 8 times at once")
}

func fenceOtherProcess(w *world) {
	w.shared()
	other := w.second()
	epoch := w.acquire()
	c := w.job(epoch)
	theirs, err := other.Acquire(w.ctx, w.now, process, leaseLength)
	w.must(err, "Acquire in another process")
	result, err := other.Settle(w.ctx, w.now, store.Settlement{Epoch: theirs, Items: []store.Settled{w.failed(c)}})
	if err != nil || len(result.Lost) != 1 {
		w.t.Errorf("Settle by another process: %d lost, error %v; want 1, none: a fence is of the database, not of a process", len(result.Lost), err)
	}
	w.accepted(epoch, w.delivered(c))
}
