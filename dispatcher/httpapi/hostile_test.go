package httpapi_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
)

// hostile is a request that nothing must come of. The body is text, bytes, or parts and
// how often each is repeated.
type hostile struct {
	Name, Method, Path, Body, Code string
	Base64                         []byte
	Repeat                         []any
	Headers                        map[string]string
	Status                         int
}

func (h *hostile) body() string {
	if h.Base64 != nil {
		return string(h.Base64)
	}
	if h.Repeat == nil {
		return h.Body
	}
	var b strings.Builder
	for i := 0; i < len(h.Repeat); i++ {
		part, _ := h.Repeat[i].(string)
		n := 1
		if i+1 < len(h.Repeat) {
			if times, ok := h.Repeat[i+1].(float64); ok {
				n = int(times)
				i++
			}
		}
		b.WriteString(strings.Repeat(part, n))
	}
	return b.String()
}

// TestHostileBodies sends what testdata has: each is refused in its class, without a
// failure of ours, nothing of it comes back, and nothing is stored.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/hostile.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w := newWorld(t)
	count := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); count++ {
		var h hostile
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			t.Fatalf("testdata: %v: %s", err, lines.Text())
		}
		headers := []string{"Content-Type", "application/json"}
		for name, value := range h.Headers {
			headers = append(headers, name, value)
		}
		got := w.call(asAdmin, h.Method, h.Path, h.body(), headers...)
		if got.status != h.Status || h.Code != "*" && got.text("code") != h.Code || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s = %d %.300s; want %d %s", h.Name, got.call, got.status, got.body, h.Status, h.Code)
		}
		for _, evil := range []string{"<script", "evil", "globex", "passwd", "colour", "__proto__", "on fire", "urgent"} {
			if strings.Contains(got.body, evil) {
				t.Errorf("%s: the answer repeats %q: %s", h.Name, evil, got.body)
			}
		}
	}
	if err := lines.Err(); err != nil || count < 100 {
		t.Fatalf("testdata has %d hostile bodies, %v; want 100 or more", count, err)
	}
	events, err := w.m.Events(t.Context(), acme, store.Page{})
	eps, err2 := w.m.Endpoints(t.Context(), acme, store.Page{})
	audit, err3 := w.m.Audit(t.Context(), acme, store.AuditFilter{}, store.Page{})
	if len(events)+len(eps)+len(audit) > 0 || err != nil || err2 != nil || err3 != nil {
		t.Errorf("%d events, %d webhooks and %d audit records were stored; want none", len(events), len(eps), len(audit))
	}
	if logs := w.logs.String(); logs != "" {
		t.Errorf("the log has %.500s; want nothing: bad input is not our failure", logs)
	}
}
