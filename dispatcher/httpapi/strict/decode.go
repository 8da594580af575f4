package strict

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/postrider/postrider/webhook"
)

// MaxDepth is how deep objects and arrays may be nested outside of what is kept as
// bytes. No body of the API has a use for more than six; features.md draws the line here.
const MaxDepth = 64

// CodeUnknownField is the code of a field that the body of a request does not have.
const CodeUnknownField = "unknown_field"

// SyntaxError says that a text is not JSON as this package reads it. Its sentence is for
// people and repeats nothing of the text.
type SyntaxError struct{ Message string }

// Error returns the sentence.
func (e *SyntaxError) Error() string { return e.Message }

// Names says which fields of a body were given, by their paths ("retry.jitter"): true
// for those that were null. What is in a list is not in it.
type Names map[string]bool

// Has reports whether a field was given, and was not null.
func (n Names) Has(path string) bool {
	null, ok := n[path]
	return ok && !null
}

// Null reports whether a field was given as null.
func (n Names) Null(path string) bool { return n[path] }

// Below returns what was given within a field, by the paths from there.
func (n Names) Below(path string) Names {
	below := make(Names)
	for at, null := range n {
		if rest, ok := strings.CutPrefix(at, path+"."); ok {
			below[rest] = null
		}
	}
	return below
}

// Decode reads one JSON object into the struct that v points to, whose fields have json
// tags with their names. Fields that are absent or null are left alone. Texts must not
// have control characters, unless the field has the tag text:"lines", which allows line
// breaks and tabs, or text:"any".
//
// The error is a *SyntaxError if body is not one JSON object in UTF-8 with every name
// once, nested at most MaxDepth deep, and else a *webhook.InvalidError with every field
// that is unknown, has another type or a value that the type cannot hold.
func Decode(body []byte, v any) error {
	_, err := decode(body, v, nil)
	return err
}

// DecodeNames is Decode, and says which fields were given.
func DecodeNames(body []byte, v any) (Names, error) {
	return decode(body, v, make(Names))
}

func decode(body []byte, v any, names Names) (Names, error) {
	if !utf8.Valid(body) {
		return nil, &SyntaxError{"The body must be UTF-8."}
	}
	target := reflect.ValueOf(v).Elem()
	p := parser{text: body, names: names}
	p.space()
	if p.peek() != '{' {
		p.fail("The body must be a JSON object.")
	} else {
		p.value(target, "", reflect.StructField{})
		p.space()
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case p.pos < len(p.text):
		return nil, &SyntaxError{"Nothing may follow the JSON object."}
	}
	return names, p.invalid.Err()
}

// fieldsOf is what a struct takes, by name.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	if known, ok := knownFields.Load(t); ok {
		return known.(map[string]reflect.StructField)
	}
	fields := make(map[string]reflect.StructField, t.NumField())
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" && f.IsExported() {
			fields[name] = f
		}
	}
	knownFields.Store(t, fields)
	return fields
}

// wrong records that a field has a value that it cannot have.
func (p *parser) wrong(path, format string, args ...any) {
	if len(p.invalid.Fields) < maxFaults {
		p.invalid.Add(path, webhook.CodeInvalidField, fmt.Sprintf(format, args...))
	}
}

// unknown records a field that nobody knows, without its name, which may be anything.
func (p *parser) unknown(path string) {
	if path == "" {
		path = "body"
	}
	for _, f := range p.invalid.Fields {
		if f.Field == path && f.Code == CodeUnknownField {
			return
		}
	}
	if len(p.invalid.Fields) < maxFaults {
		p.invalid.Add(path, CodeUnknownField, "Has a field that is not known here.")
	}
}

// maxFaults bounds what is said about a body of nothing but faults; nobody reads more.
const maxFaults = 20
