package storetest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/postrider/postrider/store"
)

var subjectKeyCases = []testCase{
	{"FirstWins", subjectKeyFirstWins},
	{"OneOfManyCallersWins", subjectKeyOneOfMany},
	{"NamesAreSeparate", subjectKeyNames},
	{"DeletedAreGone", subjectKeyDeleted},
	{"OldPeriodsArePruned", subjectKeyPruned},
	{"InATransaction", subjectKeyTx},
}

func keyOf(tenant, subject string, period int64, sealed string) store.SubjectKey {
	return store.SubjectKey{SubjectKeyName: store.SubjectKeyName{Tenant: tenant, Subject: subject, Period: period}, Sealed: []byte(sealed)}
}

// addKeys adds keys in one of several processes.
func (w *world) addKeys(st store.SubjectKeys, keys ...store.SubjectKey) []store.SubjectKey {
	w.t.Helper()
	stored, err := st.AddSubjectKeys(w.ctx, keys)
	w.must(err, "AddSubjectKeys")
	return stored
}

// wantKeys compares what is stored under the names of keys with those whose Sealed is
// not empty.
func (w *world) wantKeys(after string, keys ...store.SubjectKey) {
	w.t.Helper()
	var names []store.SubjectKeyName
	want := make(map[store.SubjectKeyName]string)
	for _, k := range keys {
		names = append(names, k.SubjectKeyName)
		if len(k.Sealed) > 0 {
			want[k.SubjectKeyName] = string(k.Sealed)
		}
	}
	found, err := w.store.SubjectKeys(w.ctx, names)
	w.must(err, "SubjectKeys")
	got := make(map[store.SubjectKeyName]string)
	for _, k := range found {
		got[k.SubjectKeyName] = string(k.Sealed)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("SubjectKeys after %s = %v; want %v", after, got, want)
	}
}

func subjectKeyFirstWins(w *world) {
	first := w.addKeys(w.store, keyOf(acme, jane, 7, "first\x00"), keyOf(acme, "", 7, "nobody's"))
	second := w.addKeys(w.store, keyOf(acme, "user/new", 7, "new"), keyOf(acme, jane, 7, "second"), keyOf(acme, "", 7, "another"))
	for i, want := range []string{"new", "first\x00", "nobody's"} {
		if string(second[i].Sealed) != want {
			w.t.Errorf("AddSubjectKeys, key %d = %q; want %q: what the first has sealed could not be opened", i, second[i].Sealed, want)
		}
	}
	if string(first[0].Sealed) != "first\x00" || first[0].Subject != jane || first[1].Subject != "" {
		w.t.Errorf("AddSubjectKeys = %+v; want the keys in their order", first)
	}
	w.reopen()
	w.wantKeys("a crash", append(first, keyOf(acme, "user/new", 7, "new"), keyOf(acme, "user/unknown", 7, ""))...)
	if got, err := w.store.SubjectKeys(w.ctx, nil); err != nil || len(got) != 0 {
		w.t.Errorf("SubjectKeys of nothing = %v, error %v; want none", got, err)
	}
	if got := w.addKeys(w.store); len(got) != 0 {
		w.t.Errorf("AddSubjectKeys of nothing = %v; want none", got)
	}
}

func subjectKeyOneOfMany(w *world) {
	stores := []store.Store{w.store, w.second()}
	var all sync.WaitGroup
	got := make([][]store.SubjectKey, 8)
	for i := range got {
		all.Go(func() {
			var err error
			got[i], err = stores[i%2].AddSubjectKeys(w.ctx, []store.SubjectKey{
				keyOf(acme, jane, 1, fmt.Sprint("jane ", i)), keyOf(acme, "user/other", 1, fmt.Sprint("other ", i)),
			})
			if err != nil {
				w.t.Errorf("AddSubjectKeys = error %v; want none", err)
			}
		})
	}
	all.Wait()
	for i := range got {
		for j := range got[i] {
			if !bytes.Equal(got[i][j].Sealed, got[0][j].Sealed) {
				w.t.Errorf("AddSubjectKeys by caller %d = %q, by the first %q; want one for all", i, got[i][j].Sealed, got[0][j].Sealed)
			}
		}
	}
}

func subjectKeyNames(w *world) {
	w.addKeys(w.store, keyOf(acme, jane, 1, "a"), keyOf(acme, jane, 2, "b"), keyOf(globex, jane, 1, "c"), keyOf(nobody, "", 1, "d"))
	w.wantKeys("AddSubjectKeys", keyOf(acme, jane, 1, "a"), keyOf(acme, jane, 2, "b"), keyOf(acme, jane, 3, ""),
		keyOf(globex, jane, 1, "c"), keyOf(globex, jane, 2, ""), keyOf(nobody, "", 1, "d"), keyOf(acme, "", 1, ""))
}

func subjectKeyDeleted(w *world) {
	w.addKeys(w.store, keyOf(acme, jane, 1, "a"), keyOf(acme, jane, 2, "b"), keyOf(acme, "user/janet", 1, "c"), keyOf(globex, jane, 1, "d"))
	for _, want := range []int{2, 0} {
		if n, err := w.store.DeleteSubjectKeys(w.ctx, acme, jane); err != nil || n != want {
			w.t.Errorf("DeleteSubjectKeys = %d, error %v; want %d", n, err, want)
		}
	}
	w.wantKeys("DeleteSubjectKeys", keyOf(acme, jane, 1, ""), keyOf(acme, jane, 2, ""), keyOf(acme, "user/janet", 1, "c"), keyOf(globex, jane, 1, "d"))
	if got := w.addKeys(w.store, keyOf(acme, jane, 1, "anew")); string(got[0].Sealed) != "anew" {
		w.t.Errorf("AddSubjectKeys after DeleteSubjectKeys = %q; want the new one", got[0].Sealed)
	}
}

func subjectKeyPruned(w *world) {
	w.addKeys(w.store, keyOf(acme, jane, 1, "a"), keyOf(acme, jane, 2, "b"), keyOf(globex, jane, 2, "c"), keyOf(acme, jane, 3, "d"))
	sum := 0
	for _, most := range []int{2, 1, many} {
		n, err := w.store.PruneSubjectKeys(w.ctx, 3, most)
		w.must(err, "PruneSubjectKeys")
		if sum += n; n > most {
			w.t.Errorf("PruneSubjectKeys of at most %d = %d", most, n)
		}
	}
	if sum != 3 {
		w.t.Errorf("PruneSubjectKeys = %d in all; want 3", sum)
	}
	w.wantKeys("PruneSubjectKeys", keyOf(acme, jane, 1, ""), keyOf(acme, jane, 2, ""), keyOf(globex, jane, 2, ""), keyOf(acme, jane, 3, "d"))
}

// A key that is added while a transaction of the host goes on is there with it, or
// also without it, but never missing when the transaction is committed.
func subjectKeyTx(w *world) {
	for _, commit := range []bool{true, false} {
		tx := w.begin()
		in, undone := tx.Tx.Reserver()
		want := keyOf(acme, fmt.Sprint(jane, commit), 1, "a")
		stored, err := in.AddSubjectKeys(w.ctx, []store.SubjectKey{want})
		w.must(err, "AddSubjectKeys in a transaction")
		found, err := in.SubjectKeys(w.ctx, []store.SubjectKeyName{want.SubjectKeyName, {Tenant: acme, Subject: "user/unknown"}})
		w.must(err, "SubjectKeys in a transaction")
		if len(stored) != 1 || len(found) != 1 || string(stored[0].Sealed) != "a" || string(found[0].Sealed) != "a" {
			w.t.Errorf("AddSubjectKeys, then SubjectKeys in a transaction = %v, %v; want the key", stored, found)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		w.must(end(), "the end of the transaction")
		if !commit && undone {
			want.Sealed = nil
		}
		w.wantKeys("the end of the transaction", want)
	}
}
