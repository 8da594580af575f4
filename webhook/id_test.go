package webhook_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/postrider/postrider/webhook"
)

var prefixes = []webhook.Prefix{webhook.PrefixEvent, webhook.PrefixEndpoint, webhook.PrefixDelivery, webhook.PrefixAttempt, webhook.PrefixSecret}

func TestNewID(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	for _, p := range prefixes {
		id := webhook.NewID(p)
		if !p.ValidID(id) || strings.Contains(id, ".") {
			t.Errorf("NewID(%q) = %q; want a valid id without dots", p, id)
		}
		if id == webhook.NewID(p) {
			t.Errorf("NewID(%q) = %q twice", p, id)
		}
		at, ok := p.IDTime(id)
		if !ok || at.Before(before) || at.After(time.Now()) {
			t.Errorf("IDTime(%q) = %v, %v; want now", id, at, ok)
		}
		for _, other := range prefixes {
			if other != p && other.ValidID(id) {
				t.Errorf("%q.ValidID(%q) = true; want false: the prefix is part of the id", other, id)
			}
		}
	}
}

func TestNewIDFrom(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	entropy := bytes.Repeat([]byte{0xff}, 10)
	id, err := webhook.NewIDFrom(webhook.PrefixEvent, at, bytes.NewReader(entropy))
	if want := "evt_01HF7YAT3VZZZZZZZZZZZZZZZZ"; err != nil || id != want {
		t.Errorf("NewIDFrom = %q, %v; want %q", id, err, want)
	}
	if _, err := webhook.NewIDFrom(webhook.PrefixEvent, at, iotest.ErrReader(errors.New("no entropy"))); err == nil {
		t.Error("NewIDFrom without entropy = nil error; want one")
	}
	if _, err := webhook.NewIDFrom(webhook.PrefixEvent, time.Unix(-1, 0), bytes.NewReader(entropy)); err == nil {
		t.Error("NewIDFrom before 1970 = nil error; want one")
	}
}

func TestValidID(t *testing.T) {
	const p, good = webhook.PrefixEvent, "evt_01HF7YAT3VZZZZZZZZZZZZZZZZ"
	if !p.ValidID(good) {
		t.Fatalf("ValidID(%q) = false; want true", good)
	}
	for name, id := range map[string]string{
		"empty":            "",
		"prefix only":      "evt_",
		"no prefix":        good[4:],
		"other prefix":     "dlv_" + good[4:],
		"upper-case kind":  "EVT_" + good[4:],
		"short":            good[:len(good)-1],
		"long":             good + "0",
		"space":            good[:len(good)-1] + " ",
		"letter I":         good[:len(good)-1] + "I",
		"letter U":         good[:len(good)-1] + "U",
		"dot":              good[:len(good)-1] + ".",
		"NUL":              good[:len(good)-1] + "\x00",
		"overflow":         "evt_8" + good[5:],
		"lower case":       strings.ToLower(good), // a second spelling of the same id
		"one letter lower": "evt_01Hf7YAT3VZZZZZZZZZZZZZZZZ",
	} {
		if p.ValidID(id) {
			t.Errorf("ValidID(%q) = true; want false: %s", id, name)
		}
		if _, ok := p.IDTime(id); ok {
			t.Errorf("IDTime(%q) = true; want false: %s", id, name)
		}
	}
}

func TestIDsAreOrderedByTime(t *testing.T) {
	const p = webhook.PrefixDelivery
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := ""
	for _, d := range []time.Duration{0, time.Millisecond, time.Second, time.Hour, 365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		at := start.Add(d)
		low, _ := webhook.NewIDFrom(p, at, bytes.NewReader(make([]byte, 10)))
		high, err := webhook.NewIDFrom(p, at, bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
		if err != nil {
			t.Fatal(err)
		}
		if low <= last {
			t.Errorf("id of %v = %q, which sorts before %q of an earlier millisecond", at, low, last)
		}
		if got := p.Floor(at); got > low || got <= last {
			t.Errorf("Floor(%v) = %q; want at most %q and above %q", at, got, low, last)
		}
		if got, ok := p.IDTime(high); !ok || !got.Equal(at) {
			t.Errorf("IDTime(%q) = %v, %v; want %v", high, got, ok, at)
		}
		last = high
	}
}

func TestFloorAtTheEdges(t *testing.T) {
	const p = webhook.PrefixDelivery
	// Ids carry milliseconds: one made later in the same millisecond must be in.
	at := time.UnixMilli(1_700_000_000_123)
	if got, want := p.Floor(at.Add(900*time.Microsecond)), p.Floor(at); got != want {
		t.Errorf("Floor within the millisecond = %q; want %q", got, want)
	}
	first := "dlv_" + strings.Repeat("0", 26)
	for _, early := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0)} {
		if got := p.Floor(early); got != first {
			t.Errorf("Floor(%v) = %q; want %q", early, got, first)
		}
	}
	late := time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := p.Floor(late); got <= webhook.NewID(p) || !p.ValidID(got) {
		t.Errorf("Floor(%v) = %q; want an id after all of today's: a range from then on is empty", late, got)
	}
}
