package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// events is enough for each receiver to show what it is.
const events = 120

func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), demo{events: events, receivers: newReceivers(), out: &out, progress: io.Discard})
	if err != nil {
		t.Fatalf("run = %v; want no error\n%s", err, &out)
	}
	for _, want := range []string{"healthy", "flaky", "slow", "dead", "gone", "breaker open", "410 Gone", "connect_error", "once and byte for byte"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report says nothing of %q:\n%s", want, &out)
		}
	}
}

// TestRunCanFail spoils receivers: a demo that cannot fail shows nothing.
func TestRunCanFail(t *testing.T) {
	receivers, byName := newReceivers(), make(map[string]*receiver)
	for _, rc := range receivers {
		byName[rc.name] = rc
	}
	var seen atomic.Int64
	byName["healthy"].answer = func(rc *receiver, w http.ResponseWriter, id string, data []byte) {
		switch seen.Add(1) {
		case 3:
			rc.remember(id, data) // and once more below
		case 5:
			data[len(data)/2] ^= 1
		}
		accept(rc, w, id, data)
	}
	byName["flaky"].answer = accept
	byName["dead"].answer = accept
	byName["gone"].answer = func(_ *receiver, w http.ResponseWriter, _ string, _ []byte) {
		w.WriteHeader(http.StatusInternalServerError)
	}

	err := run(t.Context(), demo{events: events, receivers: receivers, out: io.Discard, progress: io.Discard})
	for _, want := range []string{
		"healthy endpoint: of 120 events 0 did not arrive, 1 arrived more than once, 1 with other bytes",
		"flaky endpoint: 4 attempts were made for 4 events; want 3 each",
		"dead endpoint: of 29 deliveries 0 failed",
		"gone endpoint: it is active",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run = %v; want an error with %q", err, want)
		}
	}
}

// TestRunMissesEvent drops an event that was answered for, and stops waiting for
// it when everything else has come.
func TestRunMissesEvent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const requests = events + events/25*3 + 15 // healthy, flaky and slow
	var seen, slow atomic.Int64
	receivers := newReceivers()
	for _, rc := range receivers[:3] {
		answer := rc.answer
		rc.answer = func(rc *receiver, w http.ResponseWriter, id string, data []byte) {
			if rc.name == "slow" && slow.Add(1) == 3 {
				w.WriteHeader(http.StatusNoContent)
			} else {
				answer(rc, w, id, data)
			}
			if seen.Add(1) == requests {
				time.AfterFunc(500*time.Millisecond, cancel) // the last Publish has yet to return
			}
		}
	}
	err := run(ctx, demo{events: events, receivers: receivers, out: io.Discard, progress: io.Discard})
	if want := "slow endpoint: of 15 events 1 did not arrive"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("run = %v; want an error with %q", err, want)
	}
}
