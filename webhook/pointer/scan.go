package pointer

import (
	"bytes"
	"encoding/json"
)

// unquote returns what a JSON string means. What cannot be read is "".
func unquote(quoted []byte) string {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// skipSpace returns where the next byte is, from i on, that is no white space.
func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\r' || doc[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns where the value that begins at i ends, or -1 if it does not. What
// is in it is not checked but for its strings and brackets, and is not recursed into:
// a payload was checked when it was published.
func skipValue(doc []byte, i int) int {
	if i >= len(doc) {
		return -1
	}
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		return skipBrackets(doc, i)
	}
	start := i
	for i < len(doc) && bytes.IndexByte([]byte(",]} \n\r\t:\""), doc[i]) < 0 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func skipBrackets(doc []byte, i int) int {
	for depth := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			if i = skipString(doc, i); i < 0 {
				return -1
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// skipString returns where the string whose quote is at i ends, or -1.
func skipString(doc []byte, i int) int {
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
