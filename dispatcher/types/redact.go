package types

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/postrider/postrider/webhook/pointer"
)

// hidden stands for what is redacted in a payload, and hiddenText in other text.
const (
	hidden     = `"***"`
	hiddenText = "***"
)

func newMask(pointers []string) *pointer.Editor {
	edits := make([]pointer.Edit, 0, len(pointers))
	for _, text := range pointers {
		p, err := pointer.Parse(text)
		if err != nil { // rather all than none
			p = pointer.Pointer{}
		}
		edits = append(edits, pointer.Edit{Pointer: p, Replace: func([]byte) []byte { return []byte(hidden) }})
	}
	return pointer.NewEditor(edits...)
}

// of returns a type whose events are redacted, or nil. It reports false if nothing is
// known of the type yet, so that all has to be hidden.
func (r *Registry) of(ctx context.Context, eventType string) (*known, bool) {
	s := r.fresh(ctx, r.cfg.Store)
	k := s.types[eventType]
	if k != nil && k.mask == nil {
		k = nil
	}
	return k, s.loaded || s.types[eventType] != nil
}

// Redact returns the data of an event as people get to see it.
func (r *Registry) Redact(ctx context.Context, eventType string, data []byte) []byte {
	k, ok := r.of(ctx, eventType)
	if len(data) == 0 || ok && k == nil {
		return data
	}
	if !ok {
		return []byte(hidden)
	}
	masked, err := k.mask.Apply(data)
	if err != nil { // it is not JSON, which nobody could have published
		return []byte(hidden)
	}
	return masked
}

// Redacts reports whether something is redacted in events of a type.
func (r *Registry) Redacts(ctx context.Context, eventType string) bool {
	k, ok := r.of(ctx, eventType)
	return !ok || k != nil
}

// RedactsAny reports whether something is redacted in events of any type.
func (r *Registry) RedactsAny(ctx context.Context) bool {
	s := r.fresh(ctx, r.cfg.Store)
	return !s.loaded || s.masks
}

// RedactAnswer returns what a receiver has answered to an event as people get to see
// it: nothing of it if it repeats what is redacted.
func (r *Registry) RedactAnswer(ctx context.Context, eventType string, data, answer []byte) []byte {
	k, ok := r.of(ctx, eventType)
	if len(answer) == 0 || ok && k == nil {
		return answer
	}
	if !ok || len(data) == 0 {
		return []byte(hiddenText)
	}
	for _, p := range k.Redact {
		at, err := pointer.Parse(p)
		if err != nil {
			return []byte(hiddenText)
		}
		value, found, err := at.Get(data)
		if err != nil || found && repeats(answer, value) {
			return []byte(hiddenText)
		}
	}
	return answer
}

// repeats reports whether a text has a JSON value in it, as it is or as what it means.
func repeats(text, value []byte) bool {
	if bytes.Contains(text, value) {
		return true
	}
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s != "" && bytes.Contains(text, []byte(s))
	}
	// A value of several parts is repeated by any of its texts.
	var v any
	if json.Unmarshal(value, &v) != nil {
		return true
	}
	return anyText(v, func(s string) bool { return bytes.Contains(text, []byte(s)) })
}

// anyText reports whether a text inside a value is one that match is true of.
func anyText(v any, match func(string) bool) bool {
	switch v := v.(type) {
	case string:
		return v != "" && match(v)
	case []any:
		for _, below := range v {
			if anyText(below, match) {
				return true
			}
		}
	case map[string]any:
		for _, below := range v {
			if anyText(below, match) {
				return true
			}
		}
	}
	return false
}
