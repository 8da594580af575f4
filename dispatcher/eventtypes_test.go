package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const paidSchema = `{"type":"object","properties":{"id":{"type":"string"},"total":{"type":"integer"}},"required":["id","total"]}`

// paidType is an event type as code has it.
func paidType(schema string) webhook.EventType {
	return webhook.EventType{Name: "invoice.paid", Group: "Billing", Example: json.RawMessage(`{"id":"inv_1","total":1}`)}.
		WithSchema(json.RawMessage(schema), time.Time{})
}

// wantInvalid compares what is wrong, as field and code.
func wantInvalid(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	var inv *webhook.InvalidError
	var got []string
	if errors.As(err, &inv) {
		for _, f := range inv.Fields {
			got = append(got, f.Field+" "+f.Code)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s = %v (-want +got):\n%s", what, err, diff)
	}
}

func TestStrictTypesRefusePayloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{EventTypes: []webhook.EventType{paidType(paidSchema)}})
		ep := w.endpoint("a", status(200))
		bad, good := event("invoice.paid", map[string]any{"id": 1}), event("invoice.paid", map[string]any{"id": "inv_1", "total": 1})
		wrong := []string{"data/id payload_invalid", "data/total payload_invalid"}

		_, err := w.Publish(t.Context(), bad)
		wantInvalid(t, "Publish", err, wrong...)
		many := w.PublishMany(t.Context(), []webhook.Event{good, bad})
		wantInvalid(t, "PublishMany of a bad one", many[1].Err, wrong...)
		want(t, "error of a good one beside it", many[0].Err, nil)
		tx := st.Begin()
		_, err = w.PublishTx(t.Context(), tx, bad)
		wantInvalid(t, "PublishTx", err, wrong...)
		_, err = w.PublishTx(t.Context(), tx, good)
		want(t, "PublishTx of a good one", err, nil)
		want(t, "Commit", tx.Commit(), nil)
		everywhere := bad
		everywhere.Tenant = ""
		_, err = w.Broadcast(t.Context(), everywhere)
		wantInvalid(t, "Broadcast", err, wrong...)
		_, err = w.TestSend(t.Context(), "acme", ep.ID, bad)
		wantInvalid(t, "TestSend", err, wrong...)
		_, err = w.manage.TestEndpoint(t.Context(), "acme", ep.ID, manage.Test{EventType: "invoice.paid", Data: bad.Data})
		wantInvalid(t, "TestEndpoint", err, "payload/id payload_invalid", "payload/total payload_invalid")
		_, err = w.manage.TestEndpoint(t.Context(), "acme", ep.ID, manage.Test{EventType: "invoice.paid"})
		want(t, "TestEndpoint with the example", err, nil)
		if reqs := w.net.to(ep.URL); len(reqs) != 1 || !strings.Contains(string(reqs[0].body), `"data":{"id":"inv_1","total":1}`) {
			t.Errorf("TestEndpoint sent %d requests; want one with the example", len(reqs))
		}
		evs, err := w.manage.Events(t.Context(), "acme", store.Page{})
		if err != nil || len(evs) != 2 {
			t.Errorf("Events = %d, %v; want the two good ones", len(evs), err)
		}
	})
}

func TestWarnTypesPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		lax := paidType(paidSchema)
		lax.Validation = webhook.ValidationWarn
		w := newWorld(t, nil, dispatcher.Config{EventTypes: []webhook.EventType{lax}, Logger: zap.New(core)})
		for range 30 {
			if _, err := w.Publish(t.Context(), event("invoice.paid", "canary")); err != nil {
				t.Fatalf("Publish = %v; want that it goes through", err)
			}
			time.Sleep(time.Second)
		}
		if diff := cmp.Diff(map[string]uint64{"invoice.paid": 30}, w.PayloadWarnings()); diff != "" {
			t.Errorf("PayloadWarnings (-want +got):\n%s", diff)
		}
		lines := logs.FilterMessageSnippet("schema refuses").All()
		if len(lines) < 2 || len(lines) > 4 {
			t.Errorf("%d log lines about 30 payloads in 30 seconds; want one in 10 seconds", len(lines))
		}
		if text := fmt.Sprint(lines); strings.Contains(text, "canary") {
			t.Errorf("the log has the payload: %s", text)
		}
	})
}

func TestUnknownArchivedAndDeprecatedTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		types := []webhook.EventType{{Name: "a.gone", Archived: true}, {Name: "a.old", Deprecated: true, DeprecatedFor: "a.new"}}
		w := newWorld(t, nil, dispatcher.Config{EventTypes: types, UnknownTypes: webhook.UnknownReject, Logger: zap.New(core)})
		ep := w.endpoint("a", status(200), "webhook.endpoint.paused", "a.old")
		for eventType, wrong := range map[string][]string{"a.gone": {"type event_type_archived"}, "a.none": {"type event_type_unknown"}, "a.old": nil} {
			_, err := w.Publish(t.Context(), event(eventType, 1))
			wantInvalid(t, "Publish of "+eventType, err, wrong...)
		}
		w.publish(3, "a.old")
		want(t, "log lines about a deprecated type", logs.FilterMessageSnippet("deprecated").Len(), 1)
		if _, err := w.manage.TestEndpoint(t.Context(), "acme", ep.ID, manage.Test{}); err != nil {
			t.Errorf("TestEndpoint with a type of its own = %v; want that it is sent: nobody else gets it", err)
		}
		defer w.run()()
		if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		evs, err := w.manage.Events(t.Context(), "acme", store.Page{})
		if err != nil || len(evs) != 5 {
			t.Errorf("Events = %d, %v; want 4 and one of the library's own, which need no registration", len(evs), err)
		}
		pass := newWorld(t, nil, dispatcher.Config{EventTypes: types})
		pass.publish(1, "a.none")
	})
}

// TestProcessesFollow changes a type in one process, and looks when another one heeds it.
func TestProcessesFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		one, other := newWorld(t, st, dispatcher.Config{}), newWorld(t, st, dispatcher.Config{})
		bad := event("invoice.paid", "text")
		check := func(w *world, when string, wrong ...string) {
			t.Helper()
			_, err := w.Publish(t.Context(), bad)
			wantInvalid(t, "Publish "+when, err, wrong...)
		}
		check(one, "before there is a type")
		check(other, "before there is a type")
		if _, err := one.manage.RegisterEventType(t.Context(), paidType(paidSchema)); err != nil {
			t.Fatal(err)
		}
		check(one, "in the process that registered it", "data payload_invalid")
		time.Sleep(time.Second)
		check(other, "in another one after a second", "data payload_invalid")
		tx := st.Begin()
		if _, err := one.manage.ArchiveEventType(t.Context(), "invoice.paid"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_, err := other.PublishTx(t.Context(), tx, bad)
		wantInvalid(t, "PublishTx in another one after a second", err, "type event_type_archived")
	})
}

// typeStore is a store whose event types cannot be read, or hang.
type typeStore struct {
	*memstore.Store
	fail error
	hang bool
	// puts counts what was written, and reads what was read.
	puts, reads int
}

func (s *typeStore) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	s.reads++
	if s.hang {
		<-ctx.Done()
		return nil, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	if s.fail != nil {
		return nil, 0, s.fail
	}
	return s.Store.EventTypes(ctx, after)
}

func (s *typeStore) PutEventType(ctx context.Context, now time.Time, et webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	s.puts++
	return s.Store.PutEventType(ctx, now, et, audit...)
}

func TestTypesOutliveTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &typeStore{Store: memstore.New(), fail: store.ErrUnavailable}
		w := newWorld(t, st, dispatcher.Config{EventTypes: []webhook.EventType{paidType(paidSchema)}, UnknownTypes: webhook.UnknownReject})
		_, err := w.Publish(t.Context(), event("invoice.paid", "text"))
		wantInvalid(t, "Publish by the code while the store was never there", err, "data payload_invalid")
		if _, err := w.Publish(t.Context(), event("invoice.sent", 1)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Publish of a type that the store may have = %v; want ErrUnavailable: nobody can tell", err)
		}
		want(t, "types written while the store is down", st.puts, 0)
		st.fail = nil
		time.Sleep(time.Second)
		_, err = w.Publish(t.Context(), event("invoice.sent", 1))
		wantInvalid(t, "Publish of a type that nobody has", err, "type event_type_unknown")
		want(t, "types written when the store is back", st.puts, 1)

		st.hang = true
		time.Sleep(time.Hour)
		begun := time.Now()
		_, err = w.Publish(t.Context(), event("invoice.paid", "text"))
		wantInvalid(t, "Publish while the store hangs", err, "data payload_invalid")
		if took := time.Since(begun); took > time.Second {
			t.Errorf("Publish while the store hangs took %v; want a second at most", took)
		}
	})
}

// TestTypesCostNothing publishes for ten seconds and counts how often the store is asked.
func TestTypesCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &typeStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		for range 100 {
			w.publish(10, "any.type")
			time.Sleep(100 * time.Millisecond)
		}
		if st.reads > 12 {
			t.Errorf("event types were read %d times in ten seconds; want once in 0.9 s at most", st.reads)
		}
	})
}

// TestVersionsOfCodeDoNotFight starts processes with an older and a newer version of the
// code in turn.
func TestVersionsOfCodeDoNotFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &typeStore{Store: memstore.New()}
		older, newer := paidType(paidSchema), paidType(strings.Replace(paidSchema, `"integer"`, `["integer","null"]`, 1))
		newer.Description = "newer"
		start := func(et webhook.EventType) *world {
			return newWorld(t, st, dispatcher.Config{EventTypes: []webhook.EventType{et}})
		}
		a := start(older)
		want(t, "writes of the first process", st.puts, 1)
		start(older)
		want(t, "writes of one like it", st.puts, 1)
		b := start(newer)
		want(t, "writes of one with newer code", st.puts, 2)
		start(older)
		start(newer)
		want(t, "writes of both again", st.puts, 2)
		types, err := b.manage.EventTypes(t.Context(), manage.EventTypeFilter{})
		if err != nil || len(types) != 1 || len(types[0].Schemas) != 2 || types[0].Description != "newer" {
			t.Errorf("EventTypes = %+v, %v; want both versions, the newer one last", types, err)
		}
		time.Sleep(time.Second)
		null := event("invoice.paid", map[string]any{"id": "inv_1", "total": nil})
		_, err = a.Publish(t.Context(), null)
		wantInvalid(t, "Publish by the older code", err, "data/total payload_invalid")
		_, err = b.Publish(t.Context(), null)
		wantInvalid(t, "Publish by the newer code", err)
	})
}

func TestCodeTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		if _, err := w.manage.RegisterEventType(t.Context(), webhook.EventType{Name: "invoice.paid", Group: "By hand"}); err != nil {
			t.Fatal(err)
		}
		newWorld(t, st, dispatcher.Config{EventTypes: []webhook.EventType{paidType(paidSchema)}})
		et, err := w.manage.EventType(t.Context(), "invoice.paid")
		if err != nil || et.Owner != webhook.OwnerCode || et.Group != "Billing" || len(et.Schemas) != 1 {
			t.Errorf("EventType = %+v, %v; want that of the code", et, err)
		}
		if _, err := w.manage.ArchiveEventType(t.Context(), "invoice.paid"); !errors.Is(err, manage.ErrOwnedByCode) {
			t.Errorf("ArchiveEventType = %v; want ErrOwnedByCode", err)
		}
	})
}

func TestRegisteredDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low := paidType(paidSchema)
		low.Defaults = webhook.TypeDefaults{Priority: webhook.PriorityLow, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}}, MaxAge: time.Hour}
		config := map[string]webhook.TypeDefaults{"invoice.paid": {Priority: webhook.PriorityHigh}}
		for priority, cfg := range map[webhook.Priority]dispatcher.Config{
			webhook.PriorityLow:  {EventTypes: []webhook.EventType{low}},
			webhook.PriorityHigh: {EventTypes: []webhook.EventType{low}, TypeDefaults: config},
		} {
			w := newWorld(t, nil, cfg)
			ep := w.endpoint("a", status(500))
			stop := w.run()
			r, err := w.Publish(t.Context(), event("invoice.paid", map[string]any{"id": "inv_1", "total": 1}))
			if err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			want(t, "priority", w.only(r).Priority, priority)
			want(t, "attempts by the type's policy", len(w.net.to(ep.URL)), 1)
			stop()
		}
	})
}

func TestEventTypesAreChecked(t *testing.T) {
	for what, types := range map[string][]webhook.EventType{
		"a bad name":                      {{Name: "a..b"}},
		"a type twice":                    {{Name: "a"}, {Name: "a"}},
		"a schema that is none":           {paidType(`{"type":1}`)},
		"an example that does not match":  {paidType(`{"type":"null"}`)},
		"a schema that reads from a file": {paidType(`{"$ref":"file:///etc/passwd"}`)},
	} {
		if _, err := dispatcher.New(memstore.New(), dispatcher.Config{EventTypes: types}); err == nil {
			t.Errorf("New with %s = nil; want an error", what)
		}
	}
	if _, err := dispatcher.New(memstore.New(), dispatcher.Config{UnknownTypes: "maybe"}); err == nil {
		t.Error("New with unknown types that are neither = nil; want an error")
	}
}
