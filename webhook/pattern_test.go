package webhook_test

import (
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
)

func TestValidEventType(t *testing.T) {
	for name, want := range map[string]bool{
		"invoice":                true,
		"invoice.paid":           true,
		"a.b.c.d":                true,
		"A-Z_0-9.x":              true,
		"webhook":                true,
		"webhook.paused":         true, // a type, but reserved
		strings.Repeat("a", 128): true,
		strings.Repeat("a", 129): false,
		"":                       false,
		".":                      false,
		".a":                     false,
		"a.":                     false,
		"a..b":                   false,
		"a b":                    false,
		"a\n":                    false,
		"a\x00":                  false,
		"a.*":                    false,
		"*":                      false,
		"ä":                      false,
		"a/b":                    false,
		"a\xff":                  false,
	} {
		if got := webhook.ValidEventType(name); got != want {
			t.Errorf("ValidEventType(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestValidPattern(t *testing.T) {
	for p, want := range map[string]bool{
		"*":                             true,
		"invoice.paid":                  true,
		"invoice.*":                     true,
		"a.b.*":                         true,
		"webhook.*":                     true, // operational events are subscribed to by name
		"webhook.endpoint.paused":       true,
		strings.Repeat("a", 128) + ".*": true,
		strings.Repeat("a", 129) + ".*": false,
		"":                              false,
		".*":                            false,
		"**":                            false,
		"*.*":                           false,
		"*.paid":                        false,
		"invoice*":                      false,
		"invoice.*.paid":                false,
		"invoice.*.*":                   false,
		"invoice..*":                    false,
		" invoice.*":                    false,
	} {
		if got := webhook.ValidPattern(p); got != want {
			t.Errorf("ValidPattern(%q) = %v; want %v", p, got, want)
		}
	}
}

func TestMatchPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, eventType string
		want               bool
	}{
		{"invoice.paid", "invoice.paid", true},
		{"invoice.paid", "invoice.paid.late", false},
		{"invoice.paid", "Invoice.Paid", false},
		{"invoice.*", "invoice.paid", true},
		{"invoice.*", "invoice.paid.late", true},
		{"invoice.*", "invoice", false},
		{"invoice.*", "invoices.paid", false},
		{"invoice.*", "invoice.", false},
		{"a.b.*", "a.b.c", true},
		{"a.b.*", "a.c", false},
		{"*", "invoice.paid", true},
		{"*", "webhook", true},
		{"*", "webhooks.x", true},
		// The reserved types must be named, or a receiver of everything would be
		// told about its own failures.
		{"*", "webhook.endpoint.paused", false},
		{"webhook.*", "webhook.endpoint.paused", true},
		{"webhook.endpoint.*", "webhook.endpoint.paused", true},
		{"webhook.endpoint.paused", "webhook.endpoint.paused", true},
		// Not patterns; they match nothing but, at most, themselves.
		{"invoice*", "invoice.paid", false},
		{"", "invoice.paid", false},
		{"**", "invoice.paid", false},
	} {
		if got := webhook.MatchPattern(tt.pattern, tt.eventType); got != tt.want {
			t.Errorf("MatchPattern(%q, %q) = %v; want %v", tt.pattern, tt.eventType, got, tt.want)
		}
	}
}

func TestMatchAny(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		want     bool
	}{
		{nil, false},
		{[]string{}, false},
		{[]string{"order.*"}, false},
		{[]string{"order.*", "invoice.paid"}, true},
	} {
		if got := webhook.MatchAny(tt.patterns, "invoice.paid"); got != tt.want {
			t.Errorf("MatchAny(%q, invoice.paid) = %v; want %v", tt.patterns, got, tt.want)
		}
		ep := webhook.Endpoint{EventTypes: tt.patterns}
		if got := ep.Matches("invoice.paid", ""); got != tt.want {
			t.Errorf("Endpoint{EventTypes: %q}.Matches(invoice.paid) = %v; want %v", tt.patterns, got, tt.want)
		}
	}
}

// FuzzMatchPattern compares MatchPattern with the rule said another way: part by
// part.
func FuzzMatchPattern(f *testing.F) {
	f.Add("invoice.*", "invoice.paid")
	f.Add("*", "webhook.x")
	f.Add("a.b.*", "a.b")
	f.Add("a", "a")
	f.Fuzz(func(t *testing.T, pattern, eventType string) {
		if !webhook.ValidPattern(pattern) || !webhook.ValidEventType(eventType) {
			t.Skip()
		}
		if got, want := webhook.MatchPattern(pattern, eventType), matchParts(pattern, eventType); got != want {
			t.Errorf("MatchPattern(%q, %q) = %v; want %v", pattern, eventType, got, want)
		}
	})
}

func matchParts(pattern, eventType string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(eventType, ".")
	if len(want) == 1 && want[0] == "*" {
		return len(have) == 1 || have[0] != "webhook"
	}
	for i, part := range want {
		if i == len(have) {
			return false
		}
		if part == "*" {
			return true
		}
		if part != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}
