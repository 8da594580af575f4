package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestFlagErrors(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-store mysql", "want memory, sqlite:PATH or postgres://"},
		{"-store postgres:", "-store postgres: needs an address"},
		{"-processes 2", "-processes must be 1"},
		{"-publish-from parent", "-processes must be 1"},
		{"-store postgres://localhost/x -processes 0", "-processes must be 1 to 64"},
		{"-store postgres://localhost/x -processes 65", "-processes must be 1 to 64"},
		{"-store postgres://localhost/x -publish-from here", "-publish-from must be parent or children"},
		{"-store postgres://localhost/x -processes 3 -publish-from children -publishers 2", "-publishers must be at least -processes"},
		{"-store memory -tx", "-tx needs a store with transactions"},
		{"-events 0", "-events must be"},
		{"-fanout 0", "-fanout must be"},
		{"-endpoints 10 -fanout 3", "multiple of -fanout"},
		{"-endpoints 1 -fanout 3", "multiple of -fanout"},
		{"-payload 5", "-payload must be"},
		{"-payload 1000000", "-payload must be"},
		{"-publishers 0", "-publishers must be"},
		{"-dark 1", "-dark must be"},
		{"-dark NaN", "-dark must be"},
		{"-dark 0.5", "-dark 0.5 of 1 endpoints is none"},
		{"-backlog 3", "-backlog must be 0 or at least 5"},
		{"-history -1", "-history must be"},
		{"-rate -1", "-rate must not be negative"},
		{"-ordered -keys 0", "-keys must be 1 to"},
		{"-timeout 0s", "-timeout must be positive"},
		{"-nonsense", "flag provided but not defined"},
		{"events", "unexpected argument"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), tt.want) || stdout.Len() > 0 {
			t.Errorf("run %s = %d, stderr %q; want 2 and %q", tt.args, code, stderr.String(), tt.want)
		}
	}
}

// Every number of dark endpoints must be the share that was asked for, and never
// all of a run.
func TestDarkEndpoints(t *testing.T) {
	for _, share := range []float64{0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99} {
		c := config{endpoints: 100, dark: share}
		n := 0
		for i := range c.endpoints {
			if c.darkEndpoint(i) {
				n++
			}
		}
		if want := int(float64(c.endpoints) * share); n != want || c.darkEndpoint(0) {
			t.Errorf("-dark %g: %d of 100 are dark, the first %t; want %d, not the first", share, n, c.darkEndpoint(0), want)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, size := range []int{minPayload, 64, 1024, 20_000} {
		data := newPayloads(size).of(42)
		if len(data) != size {
			t.Errorf("payload of %d bytes has %d", size, len(data))
		}
		if got := eventNumber(frame(startOfTests, data)); got != 42 {
			t.Errorf("number in a frame of %d bytes = %d; want 42", size, got)
		}
	}
	for _, body := range []string{"", "{}", `{"n":"`, `{"n":"12"}`, `{"n":"000000000x"}`} {
		if got := eventNumber([]byte(body)); got != -1 {
			t.Errorf("number in %s = %d; want -1", body, got)
		}
	}
}
