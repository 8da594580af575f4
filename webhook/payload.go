package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// checkPayload returns "" if data is one JSON value in UTF-8 that is nested at
// most MaxPayloadDepth deep, and otherwise a sentence for the publisher.
// Numbers out of range, duplicate names and odd spacing are the publisher's
// own affair: the bytes are passed on as they are.
func checkPayload(data []byte) string {
	switch {
	case len(data) == 0:
		return "Event data is required; use null for none."
	case !utf8.Valid(data):
		return "Event data must be UTF-8."
	case tooDeep(data, MaxPayloadDepth):
		return fmt.Sprintf("Event data must be nested at most %d deep.", MaxPayloadDepth)
	case !json.Valid(data):
		return "Event data must be one JSON value."
	}
	return ""
}

// tooDeep reports whether brackets outside strings are open more than limit
// deep. It runs before the grammar check, so that a hostile nesting never
// reaches a parser; a payload with fewer brackets needs no look at each byte.
func tooDeep(data []byte, limit int) bool {
	if bytes.Count(data, []byte{'{'})+bytes.Count(data, []byte{'['}) <= limit {
		return false
	}
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
