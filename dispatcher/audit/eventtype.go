package audit

import (
	"encoding/json"

	"github.com/postrider/postrider/webhook"
)

// DiffEventType returns what is different between two event types, as Diff does. Of a
// schema it has the number of the version alone, and of an example nothing.
func DiffEventType(before, after *webhook.EventType) (was, became json.RawMessage) {
	a, b := describe(before), describe(after)
	for name, v := range a {
		if same(v, b[name]) {
			delete(a, name)
			delete(b, name)
		}
	}
	return object(a), object(b)
}

// describe returns what there is to say of a type.
func describe(t *webhook.EventType) map[string]any {
	d := make(map[string]any)
	put := func(name string, v any, given bool) {
		if given {
			d[name] = v
		}
	}
	put("group", t.Group, t.Group != "")
	put("description", t.Description, t.Description != "")
	put("deprecated", t.Deprecated, t.Deprecated)
	put("deprecated_for", t.DeprecatedFor, t.DeprecatedFor != "")
	put("archived", t.Archived, t.Archived)
	put("validation", t.Validation, t.Validation != "")
	put("redact", t.Redact, len(t.Redact) > 0)
	put("schema_version", len(t.Schemas), len(t.Schemas) > 0)
	put("priority", t.Defaults.Priority, t.Defaults.Priority != "")
	put("max_age", t.Defaults.MaxAge.Seconds(), t.Defaults.MaxAge != 0)
	put("retry", Hidden, !t.Defaults.Retry.IsZero())
	return d
}

func object(m map[string]any) json.RawMessage {
	text, err := json.Marshal(m)
	if err != nil || len(m) == 0 {
		return json.RawMessage(`{}`)
	}
	return text
}
