package signer_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/signer"
)

func newMemory(t testing.TB, cfg signer.MemoryConfig) *signer.Memory {
	t.Helper()
	m, err := signer.NewMemory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stateOf claims a key and returns what came of it.
func stateOf(t testing.TB, d signer.Deduplicator, key string) signer.ClaimState {
	t.Helper()
	c, err := d.Claim(t.Context(), key)
	if err != nil {
		t.Fatalf("Claim(%s): %v", key, err)
	}
	return c.State
}

// finished claims a key and finishes it.
func finished(t testing.TB, d signer.Deduplicator, key string) {
	t.Helper()
	c, err := d.Claim(t.Context(), key)
	if err != nil || c.State != signer.ClaimFresh {
		t.Fatalf("Claim(%s) = %+v, %v; want a fresh one", key, c, err)
	}
	if err := d.Finish(t.Context(), c); err != nil {
		t.Fatalf("Finish(%s): %v", key, err)
	}
}

func TestMemoryForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, signer.MemoryConfig{})
		finished(t, m, "evt_1")
		time.Sleep(time.Hour)
		finished(t, m, "evt_2")
		time.Sleep(95*time.Hour - time.Nanosecond)
		if got := stateOf(t, m, "evt_1"); got != signer.ClaimDone {
			t.Errorf("a webhook handled just under 96 hours ago: state %d; want done", got)
		}
		time.Sleep(time.Nanosecond)
		if got := stateOf(t, m, "evt_1"); got != signer.ClaimFresh {
			t.Errorf("a webhook handled 96 hours ago: state %d; want fresh, or memory would grow for ever", got)
		}
		if got := stateOf(t, m, "evt_2"); got != signer.ClaimDone {
			t.Errorf("a webhook handled 95 hours ago: state %d; want done", got)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(t, signer.MemoryConfig{MaxKeys: 3})
	for i := range 4 {
		finished(t, m, fmt.Sprint("evt_", i))
	}
	for key, want := range map[string]signer.ClaimState{"evt_3": signer.ClaimDone, "evt_2": signer.ClaimDone, "evt_1": signer.ClaimDone} {
		if got := stateOf(t, m, key); got != want {
			t.Errorf("state of %s, one of the last three = %d; want %d", key, got, want)
		}
	}
	for i := range 3 { // what is being handled is never forgotten
		if got := stateOf(t, m, fmt.Sprint("busy_", i)); got != signer.ClaimFresh {
			t.Errorf("state of a new key = %d; want fresh", got)
		}
	}
	if _, err := m.Claim(t.Context(), "busy_3"); !errors.Is(err, signer.ErrMemoryFull) {
		t.Errorf("Claim while as many are being handled as there is room for: error %v; want ErrMemoryFull", err)
	}
	if got := stateOf(t, m, "busy_0"); got != signer.ClaimBusy {
		t.Errorf("state of a key that is being handled = %d; want busy", got)
	}
}

func TestMemoryConcurrently(t *testing.T) {
	m := newMemory(t, signer.MemoryConfig{})
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if stateOf(t, m, "evt_1") == signer.ClaimFresh {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if got := fresh.Load(); got != 1 {
		t.Errorf("of 100 claims of one key %d were fresh; want 1", got)
	}
}

func TestNewMemoryRefuses(t *testing.T) {
	for _, cfg := range []signer.MemoryConfig{{Keep: -1}, {MaxKeys: -1}} {
		if _, err := signer.NewMemory(cfg); err == nil {
			t.Errorf("NewMemory(%+v): no error", cfg)
		}
	}
}
