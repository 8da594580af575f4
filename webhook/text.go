package webhook

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text adds an error unless s is UTF-8 without control characters and at most
// limit bytes long. A database then takes it as it is: PostgreSQL refuses NUL
// and bad UTF-8 with an error that no caller could act on.
func (e *InvalidError) text(field, s string, limit int) {
	switch {
	case len(s) > limit:
		e.Add(field, CodeInvalidField, fmt.Sprintf("Must be at most %d bytes.", limit))
	case !cleanText(s):
		e.Add(field, CodeInvalidField, "Must be UTF-8 text without control characters.")
	}
}

// prose is text for what may have several lines.
func (e *InvalidError) prose(field, s string, limit int) {
	e.text(field, strings.NewReplacer("\n", " ", "\t", " ").Replace(s), limit)
}

// metadata adds an error unless keys are given, all text is clean and the
// whole is at most MaxMetadataLen bytes.
func (e *InvalidError) metadata(field string, m map[string]string) {
	total := 0
	for k, v := range m {
		if k == "" || !cleanText(k) || !cleanText(v) {
			e.Add(field, CodeInvalidField, "Keys must not be empty; keys and values must be UTF-8 text without control characters.")
			return
		}
		total += len(k) + len(v)
	}
	if total > MaxMetadataLen {
		e.Add(field, CodeInvalidField, fmt.Sprintf("Must be at most %d bytes in all.", MaxMetadataLen))
	}
}

// names adds an error unless there are at most so many, each of 1 to limit bytes of
// clean text.
func (e *InvalidError) names(field string, names []string, most, limit int) {
	bad := len(names) > most
	for _, name := range names {
		bad = bad || name == "" || len(name) > limit || !cleanText(name)
	}
	if bad {
		e.Add(field, CodeInvalidField, fmt.Sprintf("At most %d, each 1 to %d bytes of UTF-8 text without control characters.", most, limit))
	}
}

// cleanLines is cleanText for text of several lines.
func cleanLines(s string) bool {
	return cleanText(strings.NewReplacer("\t", " ", "\r", " ", "\n", " ").Replace(s))
}

func cleanText(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) {
			return false
		}
		i += n
	}
	return true
}
