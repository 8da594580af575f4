package storetest

import (
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var recoveryCases = []testCase{
	{"Begins", recoveryBegins},
	{"BeginsOnce", recoveryBeginsOnce},
	{"Ends", recoveryEnds},
	{"EndsWithoutAnotherEffect", recoveryEndsAlone},
	{"OfLostItemsIsNothing", recoveryOfLostItems},
	{"ChangedTellsWhatIsNotable", changedTellsNotable},
	{"ChangedTellsOtherProcesses", changedTellsOthers},
	{"ChangedTellsOfResumes", changedTellsOfResumes},
	{"ChangedIsLatestFirst", changedIsLatestFirst},
	{"ChangedIsBounded", changedIsBounded},
}

// attempted settles one attempt of a new delivery of an endpoint, with what change
// makes of it, and returns the health that the answer tells of.
func (w *world) attempted(epoch int64, ep store.EndpointRecord, change func(*store.Settled)) []webhook.Health {
	w.t.Helper()
	w.waiting(ep.Tenant, ep.ID, 1)
	item := w.retried(w.pollOne(epoch), w.now.Add(1000*time.Hour))
	change(&item)
	return w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{item}}).Health
}

func fails(it *store.Settled) { it.Health = store.HealthFailure }

func failsNotably(it *store.Settled) { it.Health, it.Notable = store.HealthFailure, true }

func recovers(it *store.Settled) {
	it.Health, it.Recovery = store.HealthSuccess, store.RecoveryBegins
}

func recovered(it *store.Settled) { it.Recovery = store.RecoveryEnds }

// recovering returns what is stored.
func (w *world) recovering(ep store.EndpointRecord) time.Time {
	w.t.Helper()
	return w.engineHealth(ep.Tenant, ep.ID).RecoveringSince
}

func (w *world) changedHealth(within time.Duration) (list []string) {
	w.t.Helper()
	return w.changedHealthIn(w.store, within)
}

func (w *world) changedHealthIn(st store.Store, within time.Duration) (list []string) {
	w.t.Helper()
	changed, err := st.ChangedHealth(w.ctx, w.now, within)
	w.must(err, "ChangedHealth")
	for _, h := range changed {
		list = append(list, h.Tenant+"/"+h.EndpointID)
	}
	return list
}

func (w *world) wantChanged(got []string, want ...store.EndpointRecord) {
	w.t.Helper()
	var names []string
	for _, ep := range want {
		names = append(names, ep.Tenant+"/"+ep.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		w.t.Errorf("ChangedHealth = %v; want %v", got, names)
	}
}

func recoveryBegins(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	w.advance(time.Second)
	told := w.attempted(epoch, ep, recovers)
	if got := w.recovering(ep); !got.Equal(w.now) {
		w.t.Errorf("EngineEndpoints after a recovery began: since %v; want %v: whoever takes over would send at full speed", got, w.now)
	}
	if len(told) != 1 || !told[0].RecoveringSince.Equal(w.now) {
		w.t.Errorf("Settle of a recovery that begins told %+v; want since %v", told, w.now)
	}
	w.advance(time.Second)
	w.attempted(epoch, ep, fails)
	if got := w.recovering(ep); got.IsZero() {
		w.t.Error("a failure has ended the recovery; want it to go on until it is said to end")
	}
}

func recoveryBeginsOnce(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	w.attempted(epoch, ep, recovers)
	began := w.now
	w.advance(10 * time.Second)
	told := w.attempted(epoch, ep, recovers)
	if got := w.recovering(ep); !got.Equal(began) || len(told) != 1 || !told[0].RecoveringSince.Equal(began) {
		w.t.Errorf("Settle of a second process's recovery: since %v, told %+v; want %v: each process would begin anew", got, told, began)
	}
	w.attempted(epoch, ep, fails)
	w.attempted(epoch, ep, recovers)
	if got := w.recovering(ep); !got.Equal(w.now) {
		w.t.Errorf("Settle of a recovery from another outage: since %v; want %v", got, w.now)
	}
}

func recoveryEnds(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	w.attempted(epoch, ep, recovers)
	w.attempted(epoch, ep, func(it *store.Settled) { it.Health, it.Recovery = store.HealthSuccess, store.RecoveryEnds })
	if got := w.recovering(ep); !got.IsZero() {
		w.t.Errorf("EngineEndpoints after a recovery has ended: since %v; want none", got)
	}
}

func recoveryEndsAlone(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	failed := w.now
	w.attempted(epoch, ep, recovers)
	w.advance(time.Second)
	w.attempted(epoch, ep, recovered)
	w.wantHealth(ep, webhook.Health{LastFailureAt: failed, LastSuccessAt: failed}, "the end of a recovery alone")
}

func recoveryOfLostItems(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	w.waiting(acme, ep.ID, 1)
	item := w.delivered(w.pollOne(epoch))
	recovers(&item)
	item.Claim++
	w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{item}})
	if got := w.recovering(ep); !got.IsZero() {
		w.t.Errorf("Settle of an item that is lost began a recovery at %v; want none", got)
	}
	w.wantChanged(w.changedHealth(time.Hour))
}

func changedTellsNotable(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, fails)
	w.wantChanged(w.changedHealth(time.Hour))
	w.attempted(epoch, ep, failsNotably)
	w.wantChanged(w.changedHealth(time.Hour), ep)
	w.advance(time.Minute)
	w.wantChanged(w.changedHealth(59 * time.Second))
	w.wantChanged(w.changedHealth(time.Minute), ep)
	w.attempted(epoch, ep, fails)
	w.wantChanged(w.changedHealth(59 * time.Second))
	w.attempted(epoch, ep, recovers)
	w.wantChanged(w.changedHealth(time.Second), ep)
	w.advance(time.Minute)
	w.attempted(epoch, ep, recovered)
	w.wantChanged(w.changedHealth(time.Second), ep)
}

func changedTellsOthers(w *world) {
	other := w.second()
	epoch, ep := w.acquire(), w.endpoint(globex)
	w.attempted(epoch, ep, failsNotably)
	changed, err := other.ChangedHealth(w.ctx, w.now, time.Second)
	w.must(err, "ChangedHealth")
	want := webhook.Health{Tenant: globex, EndpointID: ep.ID, Failures: 1, LastFailureAt: w.now}
	if len(changed) != 1 || !same(changed[0], want) {
		w.t.Errorf("ChangedHealth in another process = %+v; want %+v", changed, want)
	}
}

func changedTellsOfResumes(w *world) {
	ep := w.endpoint(acme)
	ep.Status, ep.PauseCause = webhook.EndpointPaused, webhook.PausedByHand
	ep = w.touch(ep)
	w.wantChanged(w.changedHealth(time.Hour))
	ep.Status, ep.PauseCause = webhook.EndpointActive, ""
	w.touch(ep)
	w.wantChanged(w.changedHealth(time.Second), ep)
	if got := w.recovering(ep); !got.Equal(w.now) {
		w.t.Errorf("EngineEndpoints after a resume without an attempt before: recovering since %v; want %v", got, w.now)
	}
}

func changedIsLatestFirst(w *world) {
	epoch := w.acquire()
	a, b := w.endpoint(acme), w.endpoint(acme)
	for _, ep := range []store.EndpointRecord{a, b, a} {
		w.advance(time.Second)
		w.attempted(epoch, ep, failsNotably)
	}
	w.wantChanged(w.changedHealth(time.Hour), a, b)
}

func changedIsBounded(w *world) {
	if got := w.changedHealth(time.Hour); len(got) != 0 {
		w.t.Errorf("ChangedHealth of an empty store = %v; want nothing", got)
	}
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.attempted(epoch, ep, failsNotably)
	w.advance(2 * time.Hour)
	w.wantChanged(w.changedHealth(time.Hour))
}
