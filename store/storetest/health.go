package storetest

import (
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var healthCases = []testCase{
	{"FailuresAdd", healthFailuresAdd},
	{"SuccessResets", healthSuccessResets},
	{"BatchIsFolded", healthBatchIsFolded},
	{"TripsReplace", healthTripsReplace},
	{"UnchangedChangesNothing", healthUnchanged},
	{"EndpointsAreSeparate", healthEndpointsAreSeparate},
	{"LostItemsDoNotCount", healthLostItems},
	{"ResumeBeginsAnew", healthResumeBeginsAnew},
	{"IsNoChangeOfTheEndpoint", healthIsNoChange},
}

// effect is what one attempt means for health, and when it was made.
type effect struct {
	health store.HealthEffect
	trips  int
	at     time.Time
}

// effects settles, in one batch, attempts of new deliveries of an endpoint, and
// checks what the answer and the endpoint's health became.
func (w *world) effects(epoch int64, ep store.EndpointRecord, effects []effect, want webhook.Health) {
	w.t.Helper()
	w.waiting(ep.Tenant, ep.ID, len(effects))
	var items []store.Settled
	for i, c := range w.pollAll(epoch, len(effects)) {
		item := w.retried(c, w.now.Add(1000*time.Hour))
		item.Health, item.Trips, item.Attempt.At = effects[i].health, effects[i].trips, effects[i].at
		items = append(items, item)
	}
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: items})
	want.Tenant, want.EndpointID = ep.Tenant, ep.ID
	if !sameList(result.Health, []webhook.Health{want}) {
		w.t.Errorf("Settle of %+v: health %+v; want %+v: the endpoint would be paused too late or too soon", effects, result.Health, want)
	}
	w.wantHealth(ep, want, "Settle")
}

func (w *world) wantHealth(ep store.EndpointRecord, want webhook.Health, call string) {
	w.t.Helper()
	got := w.engineHealth(ep.Tenant, ep.ID)
	got.Tenant, got.EndpointID, want.Tenant, want.EndpointID = "", "", "", ""
	if !same(got, want) {
		w.t.Errorf("EngineEndpoints after %s: health %+v; want %+v: a restart would find another breaker", call, got, want)
	}
}

func healthFailuresAdd(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.effects(epoch, ep, []effect{{store.HealthFailure, 0, w.now}}, webhook.Health{Failures: 1, LastFailureAt: w.now})
	w.advance(time.Second)
	w.effects(epoch, ep, []effect{{store.HealthFailure, 0, w.now}}, webhook.Health{Failures: 2, LastFailureAt: w.now})
}

func healthSuccessResets(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	failed := w.now
	w.effects(epoch, ep, []effect{{store.HealthFailure, 3, failed}}, webhook.Health{Failures: 1, Trips: 3, LastFailureAt: failed})
	w.advance(time.Second)
	w.effects(epoch, ep, []effect{{store.HealthSuccess, 0, w.now}}, webhook.Health{LastSuccessAt: w.now, LastFailureAt: failed})
}

func healthBatchIsFolded(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	at := func(n int) time.Time { return w.now.Add(time.Duration(n) * time.Second) }
	w.effects(epoch, ep, []effect{
		{store.HealthFailure, 0, at(0)}, {store.HealthFailure, 0, at(1)}, {store.HealthFailure, 0, at(2)},
	}, webhook.Health{Failures: 3, LastFailureAt: at(2)})
	w.effects(epoch, ep, []effect{
		{store.HealthFailure, 0, at(3)}, {store.HealthSuccess, 0, at(4)}, {store.HealthFailure, 0, at(5)}, {store.HealthFailure, 1, at(6)},
	}, webhook.Health{Failures: 2, Trips: 1, LastSuccessAt: at(4), LastFailureAt: at(6)})
}

func healthTripsReplace(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.effects(epoch, ep, []effect{{store.HealthFailure, 3, w.now}}, webhook.Health{Failures: 1, Trips: 3, LastFailureAt: w.now})
	w.effects(epoch, ep, []effect{{store.HealthFailure, 1, w.now}}, webhook.Health{Failures: 2, Trips: 1, LastFailureAt: w.now})
}

func healthUnchanged(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	c := w.pollAll(epoch, 2)
	canceled := released(c[1], time.Time{})
	canceled.Status, canceled.Health = webhook.DeliveryCanceled, store.HealthFailure // nothing was sent
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{w.delivered(c[0]), canceled}})
	if len(result.Health) != 0 {
		w.t.Errorf("Settle without an effect on health: health %+v; want none: a healthy endpoint's row would be written for each success", result.Health)
	}
	w.wantHealth(ep, webhook.Health{}, "Settle without an effect")
}

func healthEndpointsAreSeparate(w *world) {
	epoch, a, b, c := w.acquire(), w.endpoint(acme), w.endpoint(acme), w.endpoint(globex)
	var items []store.Settled
	for i, ep := range []store.EndpointRecord{a, b, b, c, a} {
		w.waiting(ep.Tenant, ep.ID, 1)
		item := w.retried(w.pollOne(epoch), w.now.Add(time.Hour))
		item.Health, item.Trips = store.HealthFailure, i
		items = append(items, item)
	}
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: items})
	got := map[string]webhook.Health{}
	for _, h := range result.Health {
		got[h.EndpointID] = h
	}
	for ep, want := range map[*store.EndpointRecord]webhook.Health{
		&a: {Failures: 2, Trips: 4, LastFailureAt: w.now},
		&b: {Failures: 2, Trips: 2, LastFailureAt: w.now},
		&c: {Failures: 1, Trips: 3, LastFailureAt: w.now},
	} {
		w.wantHealth(*ep, want, "Settle of three endpoints")
		want.Tenant, want.EndpointID = ep.Tenant, ep.ID
		if !same(got[ep.ID], want) || len(result.Health) != 3 {
			w.t.Errorf("Settle of three endpoints: health %+v; want %+v", result.Health, want)
		}
	}
}

func healthLostItems(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	c := w.pollAll(epoch, 2)
	items := []store.Settled{w.failed(c[0]), w.failed(c[1])}
	items[0].Health, items[1].Health = store.HealthFailure, store.HealthFailure
	w.accepted(epoch, items[0])
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: items}) // the first one again
	if len(result.Lost) != 1 || len(result.Health) != 1 || result.Health[0].Failures != 2 {
		w.t.Errorf("Settle of which one item is lost = %+v; want 2 failures: the lost one had counted", result)
	}
	result = w.settleAll(store.Settlement{Epoch: epoch, Items: items})
	if len(result.Lost) != 2 || len(result.Health) != 0 {
		w.t.Errorf("Settle repeated = %+v; want both lost and no health", result)
	}
	w.wantHealth(ep, webhook.Health{Failures: 2, LastFailureAt: w.now}, "repeated settles")
}

func healthResumeBeginsAnew(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	at := w.now
	w.effects(epoch, ep, []effect{{store.HealthFailure, 2, at}}, webhook.Health{Failures: 1, Trips: 2, LastFailureAt: at})
	ep = w.touch(ep)
	w.wantHealth(ep, webhook.Health{Failures: 1, Trips: 2, LastFailureAt: at}, "UpdateEndpoint of an active one")
	ep.Status, ep.PauseCause = webhook.EndpointPaused, webhook.PausedByFailures
	ep = w.touch(ep)
	w.wantHealth(ep, webhook.Health{Failures: 1, Trips: 2, LastFailureAt: at}, "a pause")
	ep.Status, ep.PauseCause = webhook.EndpointActive, ""
	ep = w.touch(ep)
	w.wantHealth(ep, webhook.Health{LastFailureAt: at, RecoveringSince: w.now}, "a resume")
}

func healthIsNoChange(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.effects(epoch, ep, []effect{{store.HealthFailure, 1, w.now}}, webhook.Health{Failures: 1, Trips: 1, LastFailureAt: w.now})
	got, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	w.must(err, "Endpoint")
	if !same(got, ep) || w.revision(acme) != ep.Revision {
		w.t.Errorf("Endpoint after a change of health = %+v; want it unchanged: every failure would make publishers match anew", got)
	}
}
