package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var eventTypeCases = []testCase{
	{"KeepsAll", typeKeepsAll},
	{"StaleVersionWritesNothing", typeStaleVersion},
	{"OneOfManyCallersWins", typeManyCallers},
	{"ChangesAfterARevision", typeChanges},
	{"ProcessesShare", typeShared},
	{"IsDurable", typeDurable},
	{"WritesAudit", typeAudit},
	{"ReadInATransaction", typeInTx},
	{"CanceledWritesNothing", typeCanceled},
}

// eventType returns a type that nobody stored yet, with something in every field.
func (w *world) eventType(name string) webhook.EventType {
	return webhook.EventType{
		Name: name, Group: "Billing", Description: "An invoice was paid.\nIn full.", Owner: webhook.OwnerCode,
		Deprecated: true, DeprecatedFor: "invoice.settled", Archived: true,
		Defaults: webhook.TypeDefaults{
			Priority: webhook.PriorityLow, MaxAge: time.Hour, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}},
		},
		Redact: []string{"/customer/email", "/ä~1b"}, Validation: webhook.ValidationWarn,
		Schemas: []webhook.SchemaVersion{
			{Number: 1, Schema: json.RawMessage(`{"type":"object"}`), CreatedAt: w.now.Add(-time.Hour)},
			{Number: 2, Schema: json.RawMessage("{\"type\":\n[\"object\",\"null\"], \"maximum\":1e400}"), CreatedAt: w.now},
		},
		Example: json.RawMessage("{\"total\": 1.0, \"total\":\"<\\u2028>\"}"),
	}
}

func (w *world) putType(t webhook.EventType, audit ...webhook.AuditRecord) webhook.EventType {
	w.t.Helper()
	got, err := w.store.PutEventType(w.ctx, w.now, t, audit...)
	w.must(err, "PutEventType")
	return got
}

// typesAfter returns what EventTypes does.
func (w *world) typesAfter(st store.EventTypeReader, after int64) ([]webhook.EventType, int64) {
	w.t.Helper()
	list, revision, err := st.EventTypes(w.ctx, after)
	w.must(err, "EventTypes")
	return list, revision
}

// wantTypes compares all types with those that are wanted.
func (w *world) wantTypes(st store.EventTypeReader, when string, want ...webhook.EventType) {
	w.t.Helper()
	if got, _ := w.typesAfter(st, 0); !sameList(got, want) {
		w.t.Errorf("EventTypes %s = %+v; want %+v", when, got, want)
	}
}

func typeKeepsAll(w *world) {
	if got, revision := w.typesAfter(w.store, 0); len(got) != 0 || revision != 0 {
		w.t.Errorf("EventTypes of a new store = %d types, revision %d; want none and 0", len(got), revision)
	}
	full, bare := w.eventType("invoice.paid"), webhook.EventType{Name: "bare"}
	got := w.putType(full)
	if got.Version != 1 || got.Revision < 1 || !got.CreatedAt.Equal(w.now) || !got.UpdatedAt.Equal(w.now) {
		w.t.Errorf("PutEventType of a new type = version %d, revision %d, created %v; want version 1 and the store's time", got.Version, got.Revision, got.CreatedAt)
	}
	full.Version, full.Revision, full.CreatedAt, full.UpdatedAt = got.Version, got.Revision, got.CreatedAt, got.UpdatedAt
	if !same(got, full) {
		w.t.Errorf("PutEventType = %+v; want %+v", got, full)
	}
	second := w.putType(bare)
	w.wantTypes(w.store, "after PutEventType", full, second)

	w.advance(time.Minute)
	full.Archived, full.Redact = false, nil
	changed := w.putType(full)
	if changed.Version != 2 || changed.Revision <= second.Revision || !changed.CreatedAt.Equal(got.CreatedAt) || !changed.UpdatedAt.Equal(w.now) {
		w.t.Errorf("PutEventType of a change = %+v; want version 2, a later revision, and when it was created", changed)
	}
	w.wantTypes(w.store, "after a change", second, changed)
}

func typeStaleVersion(w *world) {
	first := w.putType(w.eventType("a"))
	now := w.putType(first)
	for what, t := range map[string]webhook.EventType{"the version before": first, "a new type of the name": w.eventType("a"), "a type that is not there": {Name: "b", Version: 1}} {
		t.Description = "lost"
		if _, err := w.store.PutEventType(w.ctx, w.now, t); !errors.Is(err, store.ErrVersion) {
			w.t.Errorf("PutEventType of %s = %v; want ErrVersion: somebody's change would be lost", what, err)
		}
	}
	w.wantTypes(w.store, "after stale changes", now)
}

func typeManyCallers(w *world) {
	first := w.putType(w.eventType("a"))
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	const callers = 8
	won := make([]bool, callers)
	concurrently(w.t, callers, func(i int) error {
		t := first.Clone()
		t.Description = fmt.Sprint("by ", i)
		_, err := stores[i%len(stores)].PutEventType(w.ctx, w.now, t)
		if won[i] = err == nil; errors.Is(err, store.ErrVersion) {
			err = nil
		}
		return err
	})
	winners := 0
	for i := range won {
		if won[i] {
			winners++
			first.Description = fmt.Sprint("by ", i)
		}
	}
	list, _ := w.typesAfter(w.store, 0)
	if winners != 1 || len(list) != 1 || list[0].Description != first.Description || list[0].Version != 2 {
		w.t.Errorf("PutEventType by %d callers at once: %d won, and there is %+v; want one, and what it wrote", callers, winners, list)
	}
}

func typeChanges(w *world) {
	a, b := w.putType(w.eventType("a")), w.putType(w.eventType("b"))
	list, revision := w.typesAfter(w.store, a.Revision)
	if !sameList(list, []webhook.EventType{b}) || revision != b.Revision {
		w.t.Errorf("EventTypes after the first = %+v, revision %d; want the second alone", list, revision)
	}
	a = w.putType(a)
	list, revision = w.typesAfter(w.store, b.Revision)
	if !sameList(list, []webhook.EventType{a}) || revision != a.Revision {
		w.t.Errorf("EventTypes after the second = %+v, revision %d; want the first, which has changed", list, revision)
	}
	if list, again := w.typesAfter(w.store, revision); len(list) != 0 || again != revision {
		w.t.Errorf("EventTypes after the last = %d types, revision %d; want none", len(list), again)
	}
}

func typeShared(w *world) {
	other := w.second()
	a := w.putType(w.eventType("a"))
	w.wantTypes(other, "of another process", a)
	b, err := other.PutEventType(w.ctx, w.now, a)
	w.must(err, "PutEventType")
	w.wantTypes(w.store, "after another process changed it", b)
}

func typeDurable(w *world) {
	a := w.putType(w.eventType("a"))
	w.reopen()
	w.wantTypes(w.store, "after opening the database again", a)
	if b := w.putType(w.eventType("b")); b.Revision <= a.Revision {
		w.t.Errorf("PutEventType after opening the database again = revision %d; want more than %d", b.Revision, a.Revision)
	}
}

func typeAudit(w *world) {
	record := func() webhook.AuditRecord {
		return webhook.AuditRecord{ID: w.id(webhook.PrefixAudit), Action: webhook.ActionEndpointUpdated, Resource: "a"}
	}
	first := w.putType(w.eventType("a"), record())
	w.putType(first, record())
	if _, err := w.store.PutEventType(w.ctx, w.now, first, record()); !errors.Is(err, store.ErrVersion) {
		w.t.Errorf("PutEventType of a stale version = %v; want ErrVersion", err)
	}
	list, err := w.store.ListAudit(w.ctx, "", store.AuditFilter{Resource: "a"}, store.Page{})
	w.must(err, "ListAudit")
	if len(list) != 2 {
		w.t.Errorf("ListAudit after two changes and one that was refused = %d records; want 2", len(list))
	}
}

func typeInTx(w *world) {
	a := w.putType(w.eventType("a"))
	tx := w.begin()
	defer func() { w.must(tx.Rollback(), "Rollback") }()
	w.wantTypes(tx.Tx, "in a transaction", a)
	if list, revision := w.typesAfter(tx.Tx, a.Revision); len(list) != 0 || revision != a.Revision {
		w.t.Errorf("Tx.EventTypes after the last = %d types, revision %d; want none", len(list), revision)
	}
}

func typeCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.store.PutEventType(ctx, w.now, w.eventType("a")); err == nil {
		w.t.Error("PutEventType with a canceled context = no error; want one")
	}
	w.wantTypes(w.store, "after a call with a canceled context")
}
