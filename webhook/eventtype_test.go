package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/webhook"
)

func TestEventTypeValidate(t *testing.T) {
	t.Parallel()
	good := webhook.EventType{
		Name: "invoice.paid", Group: "Billing", Description: "An invoice was paid.\nIn full.", Deprecated: true, DeprecatedFor: "invoice.settled",
		Owner: webhook.OwnerAPI, Validation: webhook.ValidationWarn, Redact: []string{"/customer/email", ""},
		Defaults: webhook.TypeDefaults{Priority: webhook.PriorityHigh, MaxAge: time.Hour},
		Example:  json.RawMessage(`{"id":1}`),
	}.WithSchema(json.RawMessage(`{}`), time.Now())
	if err := good.Validate(); err != nil {
		t.Errorf("Validate = %v; want nil", err)
	}
	for field, spoil := range map[string]func(*webhook.EventType){
		"name":              func(e *webhook.EventType) { e.Name = "a..b" },
		"name ":             func(e *webhook.EventType) { e.Name = "webhook.mine" },
		"group":             func(e *webhook.EventType) { e.Group = "a\x00" },
		"description":       func(e *webhook.EventType) { e.Description = strings.Repeat("a", webhook.MaxTypeDescriptionLen+1) },
		"description ":      func(e *webhook.EventType) { e.Description = "a\x00" },
		"deprecated_for":    func(e *webhook.EventType) { e.DeprecatedFor = strings.Repeat("a", 257) },
		"validation":        func(e *webhook.EventType) { e.Validation = "loose" },
		"owner":             func(e *webhook.EventType) { e.Owner = "me" },
		"defaults.max_age":  func(e *webhook.EventType) { e.Defaults.MaxAge = -1 },
		"defaults.priority": func(e *webhook.EventType) { e.Defaults.Priority = "urgent" },
		"redact":            func(e *webhook.EventType) { e.Redact = slices.Repeat([]string{"/a"}, webhook.MaxRedactions+1) },
		"redact[1]":         func(e *webhook.EventType) { e.Redact = []string{"/a", "b"} },
		"schema": func(e *webhook.EventType) {
			for i := range webhook.MaxSchemaVersions {
				*e = e.WithSchema(fmt.Appendf(nil, `{"minimum":%d}`, i), time.Now())
			}
		},
		"schema ": func(e *webhook.EventType) {
			*e = e.WithSchema(fmt.Appendf(nil, `{"title":%q}`, strings.Repeat("a", 1<<20)), time.Now())
		},
		"example":  func(e *webhook.EventType) { e.Example = json.RawMessage(`{`) },
		"example ": func(e *webhook.EventType) { e.Example = json.RawMessage(`"` + strings.Repeat("a", 256<<10) + `"`) },
	} {
		bad := good.Clone()
		spoil(&bad)
		var inv *webhook.InvalidError
		if err := bad.Validate(); !errors.As(err, &inv) || inv.Fields[0].Field != strings.TrimSpace(field) {
			t.Errorf("Validate with a bad %s = %v; want an error about it", field, err)
		}
	}
}

func TestEventTypeWithSchema(t *testing.T) {
	t.Parallel()
	at := time.Now()
	var e webhook.EventType
	if e.Schema() != nil {
		t.Error("Schema of a type without any; want nil")
	}
	one := e.WithSchema(json.RawMessage(`{"type": "object"}`), at)
	two := one.WithSchema(json.RawMessage(`{"type":"array"}`), at)
	if len(one.Schemas) != 1 || len(two.Schemas) != 2 || two.Schemas[1].Number != 2 || string(two.Schema()) != `{"type":"array"}` {
		t.Errorf("WithSchema = %v and %v; want versions 1 and 2", one.Schemas, two.Schemas)
	}
	if same := one.WithSchema(json.RawMessage(`{ "type":"object" }`), at); len(same.Schemas) != 1 {
		t.Errorf("WithSchema of the last version = %v; want nothing new", same.Schemas)
	}
	if again := two.WithSchema(json.RawMessage(`{"type":"object"}`), at); len(again.Schemas) != 3 || !again.KnowsSchema(json.RawMessage(`{"type": "array"}`)) {
		t.Errorf("WithSchema of an older version = %v; want it to be the last again", again.Schemas)
	}
	other := one.WithSchema(json.RawMessage(`{"type":"null"}`), at)
	if string(two.Schema()) != `{"type":"array"}` || string(other.Schema()) != `{"type":"null"}` {
		t.Error("WithSchema changed another copy of the type")
	}
	copied := two.Clone()
	copied.Schemas[0].Schema[1] = 'x'
	if string(two.Schemas[0].Schema) != `{"type":"object"}` {
		t.Error("Clone shares schemas with what it is a copy of")
	}
}
