package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var timeType = reflect.TypeFor[time.Time]()

const controlText = "Must be UTF-8 text without control characters."

// element reads the next element of a list, and appends it.
func (p *parser) element(v reflect.Value, path string, n int, f reflect.StructField) {
	if !v.IsValid() {
		p.value(v, path, f)
		return
	}
	at := path
	if v.Type().Elem().Kind() == reflect.Struct {
		at = fmt.Sprintf("%s[%d]", path, n)
	}
	if p.peek() == 'n' && v.Type().Elem() != rawType {
		p.wrong(path, "Must not have null in it.")
	}
	elem := reflect.New(v.Type().Elem()).Elem()
	p.value(elem, at, f)
	if v.Len() < maxElements {
		v.Set(reflect.Append(v, elem))
		return
	}
	p.wrong(path, "Has too many entries.")
}

// maxElements bounds a list: that of a batch is 1,000 events, and one more shows that
// there are too many.
const maxElements = 1001

// str reads a string. A half of a surrogate pair stands for no character, and is an
// error rather than replaced by another.
func (p *parser) str() string {
	from := p.pos
	p.pos++
	escaped := false
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '\\':
			escaped = true
			p.pos++
		case c < ' ':
			p.fail(notJSON)
			return ""
		case c == '"':
			p.pos++
			if quoted := p.text[from:p.pos]; escaped {
				return p.unquote(quoted)
			}
			return string(p.text[from+1 : p.pos-1])
		}
	}
	p.pos = len(p.text)
	p.fail(notJSON)
	return ""
}

func (p *parser) unquote(quoted []byte) (s string) {
	if err := json.Unmarshal(quoted, &s); err != nil {
		p.fail(notJSON)
		return ""
	}
	if strings.Count(s, "\uFFFD") > bytes.Count(quoted, []byte("\uFFFD"))+escapedReplacements(quoted) {
		p.fail("The body has half a surrogate pair in a string.")
	}
	return s
}

// escapedReplacements counts what says U+FFFD itself.
func escapedReplacements(quoted []byte) (n int) {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		if i+6 <= len(quoted) && strings.EqualFold(string(quoted[i:i+6]), `\ufffd`) {
			n++
		}
		i++
	}
	return n
}

// number reads a number by the grammar of JSON (RFC 8259, section 6) and returns its
// text.
func (p *parser) number() string {
	from := p.pos
	for p.pos < len(p.text) && strings.IndexByte("+-0123456789.eE", p.text[p.pos]) >= 0 {
		p.pos++
	}
	token := p.text[from:p.pos]
	if p.err == nil && (len(token) == 0 || !json.Valid(token)) {
		p.fail(notJSON)
	}
	return string(token)
}

// raw returns the bytes of the next value, whose grammar it checks.
func (p *parser) raw() json.RawMessage {
	from, depth := p.pos, 0
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '"':
			p.passString()
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return p.keep(from)
			}
			if p.text[p.pos] != ',' {
				depth--
			}
		}
		p.pos++
	}
	return p.keep(from)
}

func (p *parser) passString() {
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case '\\':
			p.pos++
		case '"':
			p.pos++
			return
		}
	}
	p.pos = len(p.text)
}

func (p *parser) keep(from int) json.RawMessage {
	value := bytes.TrimRight(p.text[from:p.pos], " \t\r\n")
	if !json.Valid(value) {
		p.fail(notJSON)
		return nil
	}
	return bytes.Clone(value) // the text's buffer is the caller's
}

func (p *parser) setText(v reflect.Value, path string, f reflect.StructField, s string) {
	switch {
	case !v.IsValid():
	case v.Type() == timeType:
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			p.wrong(path, "Must be a time as in RFC 3339, such as 2026-03-01T12:00:00Z.")
			return
		}
		v.Set(reflect.ValueOf(at.UTC()))
	case v.Kind() != reflect.String:
		p.wrong(path, "Must be %s.", kindOf(v))
	case !clean(s, f.Tag.Get("text")):
		p.wrong(path, controlText)
	default:
		v.SetString(s)
	}
}

// CleanText reports whether a text is UTF-8 without control characters, which every
// database takes.
func CleanText(s string) bool { return utf8.ValidString(s) && clean(s, "") }

// clean reports whether a text has no control characters that its field does not take.
func clean(s, takes string) bool {
	if takes == "any" {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && (takes != "lines" || r != '\n' && r != '\r' && r != '\t')
	})
}

func (p *parser) setBool(v reflect.Value, path string, is bool) {
	switch {
	case !v.IsValid():
	case v.Kind() != reflect.Bool:
		p.wrong(path, "Must be %s.", kindOf(v))
	default:
		v.SetBool(is)
	}
}

func (p *parser) setNumber(v reflect.Value, path, token string) {
	switch {
	case !v.IsValid() || p.err != nil:
	case v.Kind() == reflect.Float64:
		n, err := strconv.ParseFloat(token, 64)
		if err != nil {
			p.wrong(path, "Is too large a number.")
			return
		}
		v.SetFloat(n)
	case v.Kind() == reflect.Int || v.Kind() == reflect.Int64:
		n, err := strconv.ParseInt(token, 10, 32) // no field counts as far as that
		if err != nil {
			p.wrong(path, "Must be a whole number within its bounds.")
			return
		}
		v.SetInt(n)
	default:
		p.wrong(path, "Must be %s.", kindOf(v))
	}
}

// kindOf returns what a field takes, in the words of JSON.
func kindOf(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	if v.Type() == timeType {
		return "a time as in RFC 3339, in a string"
	}
	return "an object"
}
