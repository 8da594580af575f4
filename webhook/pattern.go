package webhook

import "strings"

// ValidEventType reports whether name is an event type: dotted parts of
// letters, digits, "_" and "-", at most MaxEventTypeLen bytes.
func ValidEventType(name string) bool {
	if name == "" || len(name) > MaxEventTypeLen {
		return false
	}
	part := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if part == 0 {
				return false
			}
			part = 0
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			part++
		default:
			return false
		}
	}
	return part > 0
}

// Reserved reports whether an event type belongs to the operational events
// about webhooks themselves, which hosts may not publish.
func Reserved(eventType string) bool { return strings.HasPrefix(eventType, "webhook.") }

// ValidPattern reports whether p can be subscribed to: an event type, an event
// type followed by ".*", or "*".
func ValidPattern(p string) bool {
	return p == "*" || ValidEventType(strings.TrimSuffix(p, ".*"))
}

// MatchPattern reports whether a subscription pattern covers an event type.
// "a.*" covers every type below "a", at any depth, and not "a" itself. "*"
// covers every type but the reserved ones, which must be named.
func MatchPattern(pattern, eventType string) bool {
	if pattern == "*" {
		return !Reserved(eventType)
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasSuffix(prefix, ".") && len(eventType) > len(prefix) && strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}

// MatchAny reports whether one of the patterns covers the event type. No
// pattern at all matches nothing.
func MatchAny(patterns []string, eventType string) bool {
	for _, p := range patterns {
		if MatchPattern(p, eventType) {
			return true
		}
	}
	return false
}
