package webhooktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// Want says which events are meant, among the newest 1,000 of a tenant. Fields that are
// empty mean any, but for Tenant: "" is a tenant too.
type Want struct {
	Tenant string
	// Type is an event type, exactly.
	Type string
	// Subject and IdempotencyKey are as of webhook.Event.
	Subject, IdempotencyKey string
	// Data reports whether a payload is one that is meant; see Data and Equal.
	Data func(json.RawMessage) bool
	// Count is how many events there are to be.
	// Defaults to 1.
	Count int
}

// Data returns a Want.Data that decodes payloads and asks about them. What cannot be
// decoded is not meant.
func Data[T any](meant func(T) bool) func(json.RawMessage) bool {
	return func(raw json.RawMessage) bool {
		var data T
		return json.Unmarshal(raw, &data) == nil && meant(data)
	}
}

// Equal returns a Want.Data for payloads that are the same JSON value as data encodes
// to, whatever the order of its members. Nothing equals what cannot be encoded.
func Equal(data any) func(json.RawMessage) bool {
	encoded, err := json.Marshal(data)
	want, ok := value(encoded)
	return func(raw json.RawMessage) bool {
		got, valid := value(raw)
		return err == nil && ok && valid && reflect.DeepEqual(got, want)
	}
}

// value decodes JSON, numbers as they are written.
func value(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

// String says what is meant.
func (w Want) String() string {
	parts := []string{fmt.Sprintf("tenant %q", w.Tenant)}
	for _, p := range []struct{ name, value string }{{"type", w.Type}, {"subject", w.Subject}, {"idempotency key", w.IdempotencyKey}} {
		if p.value != "" {
			parts = append(parts, fmt.Sprintf("%s %q", p.name, p.value))
		}
	}
	if w.Data != nil {
		parts = append(parts, "data as wanted")
	}
	return strings.Join(parts, ", ")
}

// unlike returns what about an event of the tenant is not as meant, or "".
func (w Want) unlike(ev *webhook.Event) string {
	switch {
	case w.Type != "" && ev.Type != w.Type:
		return "another type"
	case w.Subject != "" && ev.Subject != w.Subject:
		return "another subject"
	case w.IdempotencyKey != "" && ev.IdempotencyKey != w.IdempotencyKey:
		return "another idempotency key"
	case w.Data != nil && !w.Data(ev.Data):
		return "other data"
	}
	return ""
}

// count returns how many events there are to be.
func (w Want) count() int {
	switch {
	case w.Count < 0:
		return 0
	case w.Count == 0:
		return 1
	}
	return w.Count
}
