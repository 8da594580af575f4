package pointer

import (
	"errors"
	"strings"
)

// ErrSyntax is returned by Parse for what is no JSON pointer.
var ErrSyntax = errors.New(`pointer: must be "" or begin with "/", with ~ only in ~0 and ~1`)

// ErrMalformed is returned for text that is not JSON.
var ErrMalformed = errors.New("pointer: text is not JSON")

// Pointer names a place in a JSON text. The zero value is the whole text.
type Pointer struct {
	text   string
	tokens []string
}

// Parse returns the pointer that text is (RFC 6901, section 3). The error is
// ErrSyntax.
func Parse(text string) (Pointer, error) {
	if text == "" {
		return Pointer{}, nil
	}
	if text[0] != '/' {
		return Pointer{}, ErrSyntax
	}
	tokens := strings.Split(text[1:], "/")
	for i, t := range tokens {
		for j := strings.IndexByte(t, '~'); j >= 0; {
			if j+1 == len(t) || t[j+1] != '0' && t[j+1] != '1' {
				return Pointer{}, ErrSyntax
			}
			next := strings.IndexByte(t[j+1:], '~')
			if next < 0 {
				break
			}
			j += 1 + next
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return Pointer{text, tokens}, nil
}

// String returns the pointer as it was written.
func (p Pointer) String() string { return p.text }

// Get returns the bytes of the value that p points to, which are part of doc, and
// whether there is one. Of a name that an object has twice the last counts. The error
// is ErrMalformed.
func (p Pointer) Get(doc []byte) (value []byte, found bool, err error) {
	e := NewEditor(Edit{Pointer: p, Replace: func(v []byte) []byte {
		value, found = v, true
		return v
	}})
	_, err = e.Apply(doc)
	return value, found, err
}

// Remove returns doc without what the pointers point to; see Editor.Apply.
func Remove(doc []byte, pointers ...Pointer) ([]byte, error) {
	edits := make([]Edit, len(pointers))
	for i, p := range pointers {
		edits[i].Pointer = p
	}
	return NewEditor(edits...).Apply(doc)
}

// Replace returns doc with value, which is JSON, at the places that the pointers point
// to and that it has; see Editor.Apply.
func Replace(doc, value []byte, pointers ...Pointer) ([]byte, error) {
	edits := make([]Edit, len(pointers))
	for i, p := range pointers {
		edits[i] = Edit{p, func([]byte) []byte { return value }}
	}
	return NewEditor(edits...).Apply(doc)
}
