package webhook_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

// fieldsOf returns the names of the fields at fault, none if err is nil.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var inv *webhook.InvalidError
	if !errors.As(err, &inv) {
		t.Fatalf("error is %T (%v); want *InvalidError", err, err)
	}
	var names []string
	for _, f := range inv.Fields {
		if f.Code == "" || f.Message == "" || len(f.Message) > 200 {
			t.Errorf("%s: code %q, message %q; want a code and a sentence of at most 200 bytes", f.Field, f.Code, f.Message)
		}
		names = append(names, f.Field)
	}
	return names
}

func validEvent() webhook.Event {
	return webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: json.RawMessage(`{}`)}
}

func TestEventValidate(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name        string
		change      func(*webhook.Event)
		field, code string
	}{
		{"valid", func(*webhook.Event) {}, "", ""},
		{"no tenant", func(ev *webhook.Event) { ev.Tenant = "" }, "", ""},
		{"everything at its limit", func(ev *webhook.Event) {
			ev.Tenant, ev.IdempotencyKey, ev.Subject = long(255), long(255), long(255)
			ev.Type = long(128)
			ev.Metadata = map[string]string{"k": long(4<<10 - 1)}
			ev.Timestamp = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		}, "", ""},
		{"Unicode", func(ev *webhook.Event) { ev.Tenant, ev.Subject = "ünïcode 🚚", "日本" }, "", ""},

		{"long tenant", func(ev *webhook.Event) { ev.Tenant = long(256) }, "tenant", webhook.CodeInvalidField},
		{"NUL in tenant", func(ev *webhook.Event) { ev.Tenant = "a\x00" }, "tenant", webhook.CodeInvalidField},
		{"tenant is not UTF-8", func(ev *webhook.Event) { ev.Tenant = "a\xff" }, "tenant", webhook.CodeInvalidField},
		{"no type", func(ev *webhook.Event) { ev.Type = "" }, "type", webhook.CodeEventTypeInvalid},
		{"bad type", func(ev *webhook.Event) { ev.Type = "invoice..paid" }, "type", webhook.CodeEventTypeInvalid},
		{"pattern as type", func(ev *webhook.Event) { ev.Type = "invoice.*" }, "type", webhook.CodeEventTypeInvalid},
		{"long type", func(ev *webhook.Event) { ev.Type = long(129) }, "type", webhook.CodeEventTypeInvalid},
		{"reserved type", func(ev *webhook.Event) { ev.Type = "webhook.endpoint.paused" }, "type", webhook.CodeEventTypeReserved},
		{"no data", func(ev *webhook.Event) { ev.Data = nil }, "data", webhook.CodePayloadInvalid},
		{"bad data", func(ev *webhook.Event) { ev.Data = json.RawMessage("{") }, "data", webhook.CodePayloadInvalid},
		{"year 10000", func(ev *webhook.Event) { ev.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "timestamp", webhook.CodeInvalidField},
		{"year 10000 in UTC", func(ev *webhook.Event) {
			ev.Timestamp = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))
		}, "timestamp", webhook.CodeInvalidField},
		{"year 0", func(ev *webhook.Event) { ev.Timestamp = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) }, "timestamp", webhook.CodeInvalidField},
		{"long key", func(ev *webhook.Event) { ev.IdempotencyKey = long(256) }, "idempotency_key", webhook.CodeInvalidField},
		{"newline in key", func(ev *webhook.Event) { ev.IdempotencyKey = "a\nb" }, "idempotency_key", webhook.CodeInvalidField},
		{"long subject", func(ev *webhook.Event) { ev.Subject = long(256) }, "subject", webhook.CodeInvalidField},
		{"C1 control in subject", func(ev *webhook.Event) { ev.Subject = "a\u0085" }, "subject", webhook.CodeInvalidField},
		{"long metadata", func(ev *webhook.Event) { ev.Metadata = map[string]string{"k": long(4 << 10)} }, "metadata", webhook.CodeInvalidField},
		{"empty metadata key", func(ev *webhook.Event) { ev.Metadata = map[string]string{"": "v"} }, "metadata", webhook.CodeInvalidField},
		{"NUL in metadata key", func(ev *webhook.Event) { ev.Metadata = map[string]string{"k\x00": "v"} }, "metadata", webhook.CodeInvalidField},
		{"NUL in metadata value", func(ev *webhook.Event) { ev.Metadata = map[string]string{"k": "v\x00"} }, "metadata", webhook.CodeInvalidField},
	} {
		ev := validEvent()
		tt.change(&ev)
		checkInvalid(t, "Event, "+tt.name, ev.Validate(), tt.field, tt.code)
	}

	bad := webhook.Event{Tenant: "\x00", Type: "!", IdempotencyKey: "\x00", Subject: "\x00", Metadata: map[string]string{"": ""}}
	want := []string{"tenant", "type", "data", "idempotency_key", "subject", "metadata"}
	if diff := cmp.Diff(want, fieldsOf(t, bad.Validate())); diff != "" {
		t.Errorf("fields at fault (-want +got): %s", diff)
	}
}

// checkInvalid reports unless err is about this one field, or nil if field is "".
func checkInvalid(t *testing.T, what string, err error, field, code string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("%s: Validate() = %v; want nil", what, err)
		}
		return
	}
	var inv *webhook.InvalidError
	if !errors.As(err, &inv) || len(inv.Fields) != 1 || inv.Fields[0].Field != field || inv.Fields[0].Code != code {
		t.Errorf("%s: Validate() = %#v; want one error about %s, %s", what, err, field, code)
	}
}

func TestPayload(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	objects := func(depth int) string {
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	}
	for _, tt := range []struct {
		name, data string
		want       bool
	}{
		{"null", `null`, true},
		{"string", `"x"`, true},
		{"number", `1`, true},
		{"number out of range", `1e400`, true},
		{"long number", strings.Repeat("9", 1000), true},
		{"duplicate names", `{"a":1,"a":2}`, true},
		{"space around", " \t\r\n{} \n", true},
		{"escaped NUL", `"\u0000"`, true},
		{"lone surrogate", `"\ud800"`, true},
		{"depth 1000", nested(1000), true},
		{"objects 1000 deep", objects(1000), true},
		{"many shallow brackets", "[" + strings.Repeat("[],", 5000) + "{}]", true},
		{"brackets in a string", `"` + strings.Repeat(`[{`, 5000) + `"`, true},
		{"brackets after an escaped quote", `"\"` + strings.Repeat(`[`, 5000) + `"`, true},
		{"brackets after an escaped backslash", `["\\",` + nested(999) + `]`, true},

		{"depth 1001", nested(1001), false},
		{"objects 1001 deep", objects(1001), false},
		{"depth 1001 after an escaped backslash", `["\\",` + nested(1000) + `]`, false},
		{"depth 1001 behind closing brackets", strings.Repeat("]", 5000) + nested(1001), false},
		{"a million open brackets", strings.Repeat("[", 1_000_000), false},
		{"empty", ``, false},
		{"space", ` `, false},
		{"trailing data", `{}{}`, false},
		{"trailing word", `{} x`, false},
		{"cut", `{"a":`, false},
		{"NaN", `NaN`, false},
		{"Infinity", `-Infinity`, false},
		{"single quotes", `{'a':1}`, false},
		{"trailing comma", `[1,]`, false},
		{"comment", `{}//x`, false},
		{"leading zero", `01`, false},
		{"byte order mark", "\ufeff{}", false},
		{"raw control character", "\"a\nb\"", false},
		{"raw NUL", "\"\x00\"", false},
		{"bad UTF-8 in a string", "\"\xff\"", false},
		{"overlong UTF-8", "\"\xc0\xaf\"", false},
		{"UTF-16", "{\x00}\x00", false},
	} {
		ev := validEvent()
		ev.Data = json.RawMessage(tt.data)
		field, code := "", ""
		if !tt.want {
			field, code = "data", webhook.CodePayloadInvalid
		}
		checkInvalid(t, "payload, "+tt.name, ev.Validate(), field, code)
	}
}

func TestNewEventKeepsBytes(t *testing.T) {
	for _, raw := range []string{` { "b" : 1.0 , "a" : "<&>" }` + "\n", `1e400`, `{"a":1,"a":2}`, `"\u003c"`} {
		for _, data := range []any{json.RawMessage(raw), []byte(raw)} {
			ev, err := webhook.NewEvent("acme", "invoice.paid", data)
			if err != nil || string(ev.Data) != raw {
				t.Errorf("NewEvent(%T(%q)).Data = %q, %v; want the same bytes", data, raw, ev.Data, err)
			}
		}
	}
}

func TestNewEventEncodes(t *testing.T) {
	type link struct {
		HTML string          `json:"html"`
		Raw  json.RawMessage `json:"raw"`
	}
	for want, data := range map[string]any{
		`{"html":"<a href=\"?x&y\">","raw":{"a":"<"}}`: link{`<a href="?x&y">`, json.RawMessage(`{"a":"<"}`)},
		`null`:        nil,
		`"a\nb"`:      "a\nb",
		`[1,2]`:       []int{1, 2},
		`{"a":"é🚚"}`:  map[string]string{"a": "é🚚"},
		`"\ufffd"`:    "\xff",
		`"\\n"`:       `\n`,
		`"ends in\n"`: "ends in\n",
	} {
		ev, err := webhook.NewEvent("acme", "invoice.paid", data)
		if err != nil || string(ev.Data) != want {
			t.Errorf("NewEvent(%v).Data = %s, %v; want %s", data, ev.Data, err, want)
		}
	}
}

func TestNewEventErrors(t *testing.T) {
	for _, data := range []any{math.Inf(1), make(chan int), func() {}} {
		if ev, err := webhook.NewEvent("acme", "invoice.paid", data); err == nil || errors.Is(err, webhook.ErrInvalid) || ev.Type != "" {
			t.Errorf("NewEvent(%T) = %v, %v; want no event and encoding/json's error", data, ev, err)
		}
	}
	for field, make := range map[string]func() (webhook.Event, error){
		"type": func() (webhook.Event, error) { return webhook.NewEvent("acme", "webhook.x", 1) },
		"data": func() (webhook.Event, error) { return webhook.NewEvent("acme", "a.b", json.RawMessage(nil)) },
	} {
		_, err := make()
		if diff := cmp.Diff([]string{field}, fieldsOf(t, err)); diff != "" {
			t.Errorf("NewEvent: fields at fault (-want +got): %s", diff)
		}
	}
}

func TestEventClone(t *testing.T) {
	ev := validEvent()
	ev.Metadata = map[string]string{"k": "v"}
	clone := ev.Clone()
	if diff := cmp.Diff(ev, clone); diff != "" {
		t.Errorf("Clone differs: %s", diff)
	}
	ev.Data[0], ev.Metadata["k"] = '[', "changed"
	if string(clone.Data) != "{}" || clone.Metadata["k"] != "v" {
		t.Errorf("Clone shares memory with the original")
	}
}

func FuzzPayload(f *testing.F) {
	for _, seed := range []string{`{}`, `1e400`, `{"a":1,"a":2}`, `"\ud800"`, "\"\xff\"", `[[`, `"\"[`, `{} x`} {
		f.Add([]byte(seed))
	}
	f.Add([]byte(strings.Repeat("[", 1001) + strings.Repeat("]", 1001)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ev := validEvent()
		ev.Data = data
		if ev.Validate() != nil {
			if depth, ok := depthOf(data); ok && depth <= webhook.MaxPayloadDepth {
				t.Fatalf("refused %q, which is JSON in UTF-8, %d deep", data, depth)
			}
			return
		}
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatalf("accepted %q, which is not JSON in UTF-8", data)
		}
		if depth, _ := depthOf(data); depth > webhook.MaxPayloadDepth {
			t.Fatalf("accepted %d bytes nested %d deep", len(data), depth)
		}
	})
}

// depthOf measures the nesting by encoding/json's own tokens; false if data is
// not one JSON value in UTF-8.
func depthOf(data []byte) (deepest int, ok bool) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return 0, false
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			return deepest, true
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		deepest = max(deepest, depth)
	}
}
