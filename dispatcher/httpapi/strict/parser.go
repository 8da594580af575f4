package strict

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"github.com/postrider/postrider/webhook"
)

// knownFields remembers what structs take: their types are the API's few.
var knownFields sync.Map

// parser reads a text from left to right into values. The first fault of the grammar
// ends it; faults of fields are collected.
type parser struct {
	text    []byte
	pos     int
	depth   int
	names   Names // nil if nobody asks
	invalid webhook.InvalidError
	err     error
}

func (p *parser) fail(message string) {
	if p.err == nil {
		p.err = &SyntaxError{message}
	}
}

const notJSON = "The body must be valid JSON."

// peek returns the next byte, or 0 at the end, which is none of JSON's.
func (p *parser) peek() byte {
	if p.pos == len(p.text) || p.err != nil {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// take passes over one byte that must be next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		p.fail(notJSON)
		return false
	}
	p.pos++
	return true
}

var rawType = reflect.TypeFor[json.RawMessage]()

// value reads one value into v, a field of a struct that is described by f. If v is
// not valid, or cannot hold it, it is read all the same.
func (p *parser) value(v reflect.Value, path string, f reflect.StructField) {
	if v.IsValid() && v.Type() == rawType {
		v.SetBytes(p.raw())
		return
	}
	isNull := p.peek() == 'n'
	if v.IsValid() && v.Kind() == reflect.Pointer && !isNull {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch c := p.peek(); c {
	case '{':
		p.object(v, path, f)
	case '[':
		p.array(v, path, f)
	case '"':
		p.setText(v, path, f, p.str())
	case 't':
		p.literal("true")
		p.setBool(v, path, true)
	case 'f':
		p.literal("false")
		p.setBool(v, path, false)
	case 'n':
		p.literal("null")
	default:
		p.setNumber(v, path, p.number())
	}
}

func (p *parser) literal(word string) {
	if !strings.HasPrefix(string(p.text[p.pos:min(p.pos+len(word), len(p.text))]), word) {
		p.fail(notJSON)
		return
	}
	p.pos += len(word)
}

// enter goes one level down and reports whether that is allowed.
func (p *parser) enter() bool {
	p.pos++
	if p.depth++; p.depth > MaxDepth {
		p.fail("The body is nested too deep.")
	}
	p.space()
	return p.err == nil
}

// next passes over a comma, or the closing bracket, and reports which.
func (p *parser) next(closing byte) (more bool) {
	p.space()
	if p.peek() == closing {
		p.pos++
		p.depth--
		return false
	}
	if !p.take(',') {
		return false
	}
	p.space()
	return true
}

// object reads an object into a struct or a map of texts.
func (p *parser) object(v reflect.Value, path string, f reflect.StructField) {
	var fields map[string]reflect.StructField
	switch {
	case !v.IsValid():
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		fields = fieldsOf(v.Type())
	default:
		p.wrong(path, "Must be %s.", kindOf(v))
		v = reflect.Value{}
	}
	if !p.enter() {
		return
	}
	if p.peek() == '}' {
		p.pos++
		p.depth--
		return
	}
	seen := make(map[string]bool, len(fields))
	for more := true; more && p.err == nil; more = p.next('}') {
		p.member(v, fields, seen, path, f)
	}
}

func (p *parser) member(v reflect.Value, fields map[string]reflect.StructField, seen map[string]bool, path string, f reflect.StructField) {
	if p.peek() != '"' {
		p.fail(notJSON)
		return
	}
	name := p.str()
	if fold := strings.ToLower(name); seen[fold] && (fields != nil || seen["="+name]) {
		p.fail("A name must not come twice in an object, in whatever case.")
	} else {
		seen[fold], seen["="+name] = true, true
	}
	p.space()
	if !p.take(':') {
		return
	}
	p.space()
	if v.IsValid() && v.Kind() == reflect.Map {
		p.entry(v, path, name, f)
		return
	}
	field, ok := fields[name]
	if !ok {
		p.stranger(fields, path, name, v.IsValid())
		p.value(reflect.Value{}, path, f)
		return
	}
	at := name
	if path != "" {
		at = path + "." + name
	}
	if p.names != nil && !strings.Contains(at, "[") {
		p.names[at] = p.peek() == 'n'
	}
	p.value(v.FieldByIndex(field.Index), at, field)
}

// stranger judges a name that is no field's.
func (p *parser) stranger(fields map[string]reflect.StructField, path, name string, wanted bool) {
	for known := range fields {
		if strings.EqualFold(known, name) {
			p.fail("The name of a field is written in the wrong case.")
			return
		}
	}
	if wanted {
		p.unknown(path)
	}
}

// entry reads a member of a map of texts. Its key is judged like a text.
func (p *parser) entry(v reflect.Value, path, name string, f reflect.StructField) {
	value := reflect.New(v.Type().Elem()).Elem()
	faults := len(p.invalid.Fields)
	isNull := p.peek() == 'n'
	p.value(value, path, f)
	if len(p.invalid.Fields) > faults || p.err != nil || isNull {
		return
	}
	if !clean(name, "") {
		p.wrong(path, controlText)
		return
	}
	v.SetMapIndex(reflect.ValueOf(name), value)
}

// array reads a list.
func (p *parser) array(v reflect.Value, path string, f reflect.StructField) {
	if v.IsValid() && v.Kind() != reflect.Slice {
		p.wrong(path, "Must be %s.", kindOf(v))
		v = reflect.Value{}
	}
	if v.IsValid() {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	if !p.enter() {
		return
	}
	if p.peek() == ']' {
		p.pos++
		p.depth--
		return
	}
	for n, more := 0, true; more && p.err == nil; n, more = n+1, p.next(']') {
		p.element(v, path, n, f)
	}
}
