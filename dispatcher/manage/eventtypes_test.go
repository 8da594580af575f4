package manage_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// joined is an event type as somebody registers it.
func joined() webhook.EventType {
	return webhook.EventType{Name: "user.joined", Group: "Users", Description: "Somebody has joined.", Example: json.RawMessage(`{"name":"Jane"}`)}.
		WithSchema(json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`), time.Time{})
}

func (w *world) register(t webhook.EventType) webhook.EventType {
	w.t.Helper()
	got, err := w.RegisterEventType(w.t.Context(), t)
	w.must(err, "RegisterEventType")
	return got
}

func TestRegisterEventType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		got := w.register(joined())
		if got.Owner != webhook.OwnerAPI || got.Version != 1 || len(got.Schemas) != 1 || got.Schemas[0].Number != 1 || got.CreatedAt.IsZero() {
			t.Errorf("RegisterEventType = %+v; want version 1, owned by the API, with a schema", got)
		}
		read, err := w.EventType(t.Context(), "user.joined")
		w.must(err, "EventType")
		if diff := cmp.Diff(got, read); diff != "" {
			t.Errorf("EventType (-registered +read):\n%s", diff)
		}
		_, err = w.RegisterEventType(t.Context(), joined())
		if !errors.Is(err, manage.ErrEventTypeExists) {
			t.Errorf("RegisterEventType of a name that there is = %v; want ErrEventTypeExists", err)
		}
		bad := joined()
		bad.Name, bad.Example, bad.Redact = "user.left", json.RawMessage(`{"name":1}`), nil
		_, err = w.RegisterEventType(t.Context(), bad)
		wantFields(t, "RegisterEventType with an example that does not match", err, "example/name payload_invalid")
		bad.Redact = []string{"name"}
		_, err = w.RegisterEventType(t.Context(), bad)
		wantFields(t, "RegisterEventType with a bad pointer", err, "redact[0] invalid_field")
		if _, err := w.EventType(t.Context(), "user.left"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("EventType of what was refused = %v; want ErrNotFound", err)
		}
	})
}

func TestEventTypesAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, dispatcher.Config{EventTypes: []webhook.EventType{{Name: "b.code", Group: "Code"}}})
		w.register(joined())
		w.register(webhook.EventType{Name: "a.old", Group: "Users"})
		_, err := w.ArchiveEventType(t.Context(), "a.old")
		w.must(err, "ArchiveEventType")
		for want, filter := range map[string]manage.EventTypeFilter{
			"b.code user.joined":       {},
			"a.old b.code user.joined": {Archived: true},
			"user.joined":              {Group: "Users"},
			"":                         {Group: "Nobody's"},
		} {
			list, err := w.EventTypes(t.Context(), filter)
			w.must(err, "EventTypes")
			var names []string
			for _, et := range list {
				names = append(names, et.Name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("EventTypes of %+v = %q; want %q", filter, got, want)
			}
		}
	})
}

func TestAddSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(joined())
		optional := manage.NewSchema{Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}}}`)}
		_, err := w.AddSchema(t.Context(), "user.joined", optional)
		var breaks *manage.BreakingError
		if !errors.As(err, &breaks) || len(breaks.Changes) != 1 || breaks.Changes[0].String() != "/name: May be missing now." {
			t.Errorf("AddSchema of one that breaks receivers = %v; want a *BreakingError that says how", err)
		}
		optional.AllowBreaking = true
		got, err := w.AddSchema(t.Context(), "user.joined", optional)
		w.must(err, "AddSchema")
		if len(got.Schemas) != 2 || got.Schemas[1].Number != 2 {
			t.Errorf("AddSchema = %+v; want two versions", got.Schemas)
		}
		again, err := w.AddSchema(t.Context(), "user.joined", optional)
		w.must(err, "AddSchema")
		if again.Version != got.Version {
			t.Errorf("AddSchema of the last one = version %d; want %d, as before", again.Version, got.Version)
		}
		narrow := manage.NewSchema{Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string","maxLength":2}}}`)}
		_, err = w.AddSchema(t.Context(), "user.joined", narrow)
		wantFields(t, "AddSchema that the example does not match", err, "example/name payload_invalid")
		narrow.Example = json.RawMessage(`{"name":"Jo"}`)
		_, err = w.AddSchema(t.Context(), "user.joined", narrow)
		w.must(err, "AddSchema with another example")
		_, err = w.AddSchema(t.Context(), "user.joined", manage.NewSchema{Schema: json.RawMessage(`{"$ref":"https://example.com/"}`)})
		wantFields(t, "AddSchema that refers to the network", err, "schema schema_invalid")
	})
}

func TestChangesOfEventTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, dispatcher.Config{EventTypes: []webhook.EventType{{Name: "b.code"}}})
		w.register(joined())
		changes := map[string]func(name string) (webhook.EventType, error){
			"UpdateEventType": func(name string) (webhook.EventType, error) {
				return w.UpdateEventType(t.Context(), name, func(et *webhook.EventType) error {
					et.Group, et.Name, et.Owner, et.Schemas, et.Archived = "People", "other", webhook.OwnerCode, nil, true
					return nil
				})
			},
			"AddSchema": func(name string) (webhook.EventType, error) {
				return w.AddSchema(t.Context(), name, manage.NewSchema{Schema: json.RawMessage(`{}`), AllowBreaking: true})
			},
			"DeprecateEventType": func(name string) (webhook.EventType, error) {
				return w.DeprecateEventType(t.Context(), name, "user.arrived")
			},
			"UndeprecateEventType": func(name string) (webhook.EventType, error) { return w.UndeprecateEventType(t.Context(), name) },
			"ArchiveEventType":     func(name string) (webhook.EventType, error) { return w.ArchiveEventType(t.Context(), name) },
			"UnarchiveEventType":   func(name string) (webhook.EventType, error) { return w.UnarchiveEventType(t.Context(), name) },
		}
		for what, change := range changes {
			if _, err := change("b.code"); !errors.Is(err, manage.ErrOwnedByCode) {
				t.Errorf("%s of a type of the code = %v; want ErrOwnedByCode", what, err)
			}
			if _, err := change("b.none"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of a type that there is not = %v; want ErrNotFound", what, err)
			}
		}
		got, err := changes["UpdateEventType"]("user.joined")
		w.must(err, "UpdateEventType")
		if got.Name != "user.joined" || got.Group != "People" || got.Owner != webhook.OwnerAPI || len(got.Schemas) != 1 || got.Archived {
			t.Errorf("UpdateEventType = %+v; want another group, and nothing else", got)
		}
		got, err = changes["DeprecateEventType"]("user.joined")
		w.must(err, "DeprecateEventType")
		if !got.Deprecated || got.DeprecatedFor != "user.arrived" {
			t.Errorf("DeprecateEventType = %+v; want that it is deprecated", got)
		}
		got, err = changes["UndeprecateEventType"]("user.joined")
		w.must(err, "UndeprecateEventType")
		if got.Deprecated || got.DeprecatedFor != "" {
			t.Errorf("UndeprecateEventType = %+v; want that it is not", got)
		}
		before := len(w.auditLogOf(""))
		_, err = changes["UndeprecateEventType"]("user.joined")
		w.must(err, "UndeprecateEventType")
		if n := len(w.auditLogOf("")); n != before {
			t.Errorf("a change that changes nothing left %d audit records; want none", n-before)
		}
		_, err = w.UpdateEventType(t.Context(), "user.joined", func(*webhook.EventType) error { return store.ErrVersion })
		if !errors.Is(err, store.ErrVersion) {
			t.Errorf("UpdateEventType with a change that fails = %v; want its error", err)
		}
	})
}
