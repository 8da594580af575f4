package dispatcher_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
)

// drawer is a receiver of batches: it keeps what came under each id.
type drawer struct {
	t *testing.T

	mu     sync.Mutex
	bodies map[string]string // by batch
	sizes  []int
	events map[string]int
	times  []time.Time
	// answer is what it answers the nth request with, counted from 1.
	answer func(n int) int
}

func newDrawer(t *testing.T, answer func(n int) int) *drawer {
	return &drawer{t: t, bodies: map[string]string{}, events: map[string]int{}, answer: answer}
}

func always(status int) func(int) int { return func(int) int { return status } }

func (d *drawer) receive(_ context.Context, n int, req *transport.Request) (*transport.Response, error) {
	id, body := req.Header.Get("Webhook-Id"), string(req.Body)
	var envelopes []envelope
	if err := json.Unmarshal(req.Body, &envelopes); err != nil || !strings.HasPrefix(id, "bat_") {
		d.t.Errorf("%s arrived with a body that is no array of envelopes: %v: %.200s", id, err, body)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, seen := d.bodies[id]; seen && old != body {
		d.t.Errorf("%s arrived with another body than before:\n%.300s\n%.300s", id, old, body)
	}
	d.bodies[id] = body
	d.sizes = append(d.sizes, len(envelopes))
	d.times = append(d.times, time.Now())
	status := d.answer(n)
	for _, e := range envelopes {
		if !strings.HasPrefix(e.ID, "evt_") || e.Type == "" || e.Timestamp.IsZero() || e.Data == nil {
			d.t.Errorf("an envelope of %s is %+v; want the event's id, type, timestamp and data", id, e)
		}
		if status/100 == 2 {
			d.events[e.ID]++
		}
	}
	return &transport.Response{StatusCode: status, Body: []byte(strings.Repeat("x", 4000)), Header: http.Header{}}, nil
}

// requests returns how many events came with each request so far, and when.
func (d *drawer) requests() ([]int, []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sizes), slices.Clone(d.times)
}

// once checks that n events arrived, each once.
func (d *drawer) once(n int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	want(d.t, "events that arrived", len(d.events), n)
	for id, times := range d.events {
		if times != 1 {
			d.t.Errorf("%s arrived %d times", id, times)
		}
	}
}

// envelope is one event of a batch.
type envelope struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}
