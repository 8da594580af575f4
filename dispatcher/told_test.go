package dispatcher_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/postrider/postrider/webhook"
)

// told remembers what the hook was told.
type told struct {
	mu  sync.Mutex
	ops []webhook.Operational
}

func (h *told) hook(_ context.Context, op webhook.Operational) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// of returns what was told of a type.
func (h *told) of(eventType string) (ops []webhook.Operational) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		if op.Type == eventType {
			ops = append(ops, op)
		}
	}
	return ops
}

func (h *told) types() (types []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		types = append(types, op.Type)
	}
	return types
}

// operational is an operational event as a receiver gets it.
type operational struct {
	Type string
	Data webhook.Snapshot
}

// received returns the operational events that arrived at a URL, once each.
func (w *world) received(url string) (got []operational) {
	w.t.Helper()
	seen := make(map[string]bool)
	for _, a := range w.net.to(url) {
		if !strings.HasPrefix(a.body, `{"type":"webhook.`) || seen[a.id] {
			continue
		}
		seen[a.id] = true
		var op operational
		if err := json.Unmarshal([]byte(a.body), &op); err != nil {
			w.t.Fatalf("body of an operational event: %v", err)
		}
		got = append(got, op)
	}
	return got
}

func typesOf(ops []operational) (types []string) {
	for _, op := range ops {
		types = append(types, op.Type)
	}
	slices.Sort(types)
	return types
}
