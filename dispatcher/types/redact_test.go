package types_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/types"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// fixed is a store that has some types, or an error.
type fixed struct {
	list []webhook.EventType
	err  error
}

func (f *fixed) EventTypes(context.Context, int64) ([]webhook.EventType, int64, error) {
	return f.list, int64(len(f.list)), f.err
}

func (f *fixed) PutEventType(_ context.Context, _ time.Time, t webhook.EventType, _ ...webhook.AuditRecord) (webhook.EventType, error) {
	return t, f.err
}

func registry(t *testing.T, st *fixed, code ...webhook.EventType) *types.Registry {
	t.Helper()
	r, err := types.New(types.Config{Store: st, Code: code, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedact(t *testing.T) {
	t.Parallel()
	r := registry(t, &fixed{list: []webhook.EventType{{Name: "a", Redact: []string{"/x", "/list/1"}, Version: 1, Revision: 1}}},
		webhook.EventType{Name: "a", Redact: []string{"/y"}}, webhook.EventType{Name: "all", Redact: []string{""}})
	for _, tt := range []struct{ eventType, data, want string }{
		{"a", `{"x": 1, "y":"2", "z": 3}`, `{"x": "***", "y":"***", "z": 3}`},
		{"a", `{"list":[{"x":1}, {"x":2}]}`, `{"list":[{"x":1}, "***"]}`},
		{"a", `{"\u0078":1,"x":2}`, `{"\u0078":"***","x":"***"}`},
		{"a", `[1]`, `[1]`},
		{"a", `{`, `"***"`},
		{"all", `{"x":1}`, `"***"`},
		{"other", `{"x":1}`, `{"x":1}`},
	} {
		if got := string(r.Redact(t.Context(), tt.eventType, json.RawMessage(tt.data))); got != tt.want {
			t.Errorf("Redact(%s, %s) = %s; want %s: what the store's and what the code's version redacts is hidden", tt.eventType, tt.data, got, tt.want)
		}
	}
	if got := r.Redact(t.Context(), "a", nil); got != nil {
		t.Errorf("Redact of a payload that is gone = %s; want nil", got)
	}
}

func TestRedactAnswer(t *testing.T) {
	t.Parallel()
	r := registry(t, &fixed{}, webhook.EventType{Name: "a", Redact: []string{"/x"}})
	for _, tt := range []struct{ data, answer, want string }{
		{`{"x":"jane","y":"open"}`, "hello open", "hello open"},
		{`{"x":"jane","y":"open"}`, "hello jane", "***"},
		{`{"x":"j\u0061ne"}`, "hello jane", "***"},
		{`{"x":"j\u0061ne"}`, `hello "j\u0061ne"`, "***"},
		{`{"x":42}`, "it is 42", "***"},
		{`{"x":{"a":["deep"]}}`, "so deep", "***"},
		{`{"y":1}`, "fine", "fine"},
		{`{`, "anything", "***"},
		{``, "anything", "***"},
		{`{"x":1}`, "", ""},
	} {
		if got := string(r.RedactAnswer(t.Context(), "a", []byte(tt.data), []byte(tt.answer))); got != tt.want {
			t.Errorf("RedactAnswer(%s, %q) = %q; want %q", tt.data, tt.answer, got, tt.want)
		}
	}
}

// TestUnknownIsHidden asks what is redacted when nobody can tell.
func TestUnknownIsHidden(t *testing.T) {
	t.Parallel()
	r := registry(t, &fixed{err: store.ErrUnavailable}, webhook.EventType{Name: "a", Redact: []string{"/x"}})
	if got := string(r.Redact(t.Context(), "other", json.RawMessage(`{"x":1}`))); got != `"***"` {
		t.Errorf("Redact while types are not known = %s; want nothing shown", got)
	}
	if got := string(r.Redact(t.Context(), "a", json.RawMessage(`{"x":1,"y":2}`))); got != `{"x":"***","y":2}` {
		t.Errorf("Redact of a type of the code = %s; want what the code says", got)
	}
	if !r.Redacts(t.Context(), "other") || !r.RedactsAny(t.Context()) {
		t.Error("nothing is redacted while types are not known; want that all is")
	}
}
