package storetest

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var sealingCases = []testCase{
	{"ListsEverything", sealedList},
	{"ReplacesWhatIsThere", sealedReplaced},
	{"LeavesWhatHasChanged", sealedChanged},
}

// sealedValues reads all values of a kind in pages.
func (w *world) sealedValues(kind store.SealedKind, limit int) (all []store.SealedValue) {
	w.t.Helper()
	var after store.SealedValue
	for {
		page, err := w.store.SealedValues(w.ctx, kind, after, limit)
		w.must(err, "SealedValues")
		for _, v := range page {
			if store.ComparePlaces(v, after) < 0 || v.Kind != kind {
				w.t.Fatalf("SealedValues after %+v = %+v; want what comes later", after, v)
			}
		}
		all = append(all, page...)
		if len(page) < limit {
			return slices.DeleteFunc(all, func(v store.SealedValue) bool { return len(v.Sealed) == 0 })
		}
		after = page[len(page)-1]
	}
}

// sealSome stores sealed things of each kind and returns how many values there are.
func (w *world) sealSome() map[store.SealedKind]int {
	w.t.Helper()
	for _, tenant := range []string{acme, globex, nobody} {
		ep := w.endpoint(tenant)
		w.must(w.store.RotateSecret(w.ctx, w.now, w.newSecret(tenant, ep.ID), w.now.Add(time.Hour)), "RotateSecret")
		bare := w.newEndpoint(tenant)
		bare.Sealed = nil
		_, err := w.store.CreateEndpoint(w.ctx, w.now, bare, w.newSecret(tenant, bare.ID), store.Creation{})
		w.must(err, "CreateEndpoint")
		w.addKeys(w.store, keyOf(tenant, jane, 1, "key"), keyOf(tenant, "", 2, "key"))
	}
	w.setting("a", "value")
	w.setting("b", "value")
	return map[store.SealedKind]int{store.SealedEndpoint: 3, store.SealedSecret: 9, store.SealedSubjectKey: 6, store.SealedSetting: 2}
}

func sealedList(w *world) {
	want := w.sealSome()
	for _, kind := range store.SealedKinds {
		for _, limit := range []int{1, 2, many} {
			got := w.sealedValues(kind, limit)
			if kind == store.SealedSetting { // a store may have others
				got = slices.DeleteFunc(got, func(v store.SealedValue) bool { return v.ID != "a" && v.ID != "b" })
				got = slices.CompactFunc(got, func(a, b store.SealedValue) bool { return a.ID == b.ID })
			}
			if len(got) != want[kind] {
				w.t.Errorf("SealedValues of %s, %d at a time = %+v; want %d", kind, limit, got, want[kind])
			}
			for _, v := range got {
				if len(v.Sealed) == 0 || v.ID == "" && kind != store.SealedSubjectKey {
					w.t.Errorf("SealedValues of %s = %+v; want it with its place and value", kind, v)
				}
			}
		}
	}
}

func sealedReplaced(w *world) {
	w.sealSome()
	before := w.engine(acme, w.sealedValues(store.SealedEndpoint, many)[1].ID)
	for _, kind := range store.SealedKinds {
		var changes []store.SealedChange
		for _, v := range w.sealedValues(kind, many) {
			was := v.Sealed
			v.Sealed = []byte("anew " + v.Tenant + v.Endpoint + v.ID)
			changes = append(changes, store.SealedChange{SealedValue: v, Was: was})
		}
		n, err := w.store.ReplaceSealed(w.ctx, changes)
		if w.must(err, "ReplaceSealed"); n != len(changes) {
			w.t.Errorf("ReplaceSealed of %d values of %s = %d; want all", len(changes), kind, n)
		}
		for _, v := range w.sealedValues(kind, many) {
			if string(v.Sealed) != "anew "+v.Tenant+v.Endpoint+v.ID {
				w.t.Errorf("value of %s after ReplaceSealed = %q; want the new one of its place", kind, v.Sealed)
			}
		}
	}
	after := w.engine(acme, before.ID)
	if string(after.Sealed) != "anew "+acme+before.ID || after.Version != before.Version || after.Revision != before.Revision {
		w.t.Errorf("endpoint after ReplaceSealed = %+v; want its new seal, and the version and revision of before", after)
	}
	for _, s := range w.secrets(before.ID) {
		if string(s.Sealed) != "anew "+acme+before.ID+s.ID {
			w.t.Errorf("secret after ReplaceSealed = %q; want the new one", s.Sealed)
		}
	}
}

func sealedChanged(w *world) {
	w.sealSome()
	for _, kind := range store.SealedKinds {
		v := w.sealedValues(kind, many)[0]
		stale, gone := v, v
		stale.Sealed, gone.Sealed, gone.ID = []byte("stale"), []byte("gone"), gone.ID+"-unknown"
		n, err := w.store.ReplaceSealed(w.ctx, []store.SealedChange{
			{SealedValue: stale, Was: []byte("other")}, {SealedValue: gone, Was: v.Sealed},
		})
		if w.must(err, "ReplaceSealed"); n != 0 {
			w.t.Errorf("ReplaceSealed of a value of %s that has changed, and of one that is not there = %d; want 0: an update would be lost", kind, n)
		}
		if got := w.sealedValues(kind, many)[0]; string(got.Sealed) != string(v.Sealed) {
			w.t.Errorf("value of %s = %q; want %q", kind, got.Sealed, v.Sealed)
		}
	}
}
