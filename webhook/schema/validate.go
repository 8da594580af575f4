package schema

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/postrider/postrider/webhook"
)

// MaxViolations is the most that a check returns: who has that many will fix a few
// before he looks again.
const MaxViolations = 100

// Violation is what is wrong at one place of a document.
type Violation struct {
	// Pointer is the JSON pointer of the place, or of what is around it where names
	// in the document are not plain: at most 64 letters, digits and signs of ASCII.
	Pointer string
	// Message is a sentence for people. It repeats nothing of the document.
	Message string
}

// Validate returns all that is wrong with a document, by place, or nil. That it is no
// JSON, or too costly to check, is a violation too.
func (s *Schema) Validate(doc []byte) []Violation {
	v, err := decode(doc)
	if err != nil {
		return []Violation{{Message: "Must be JSON."}}
	}
	return s.ValidateValue(v, len(doc))
}

// ValidateValue is Validate for a document that was decoded, with numbers as
// json.Number, from a text of that many bytes.
func (s *Schema) ValidateValue(v any, size int) []Violation {
	if found := numbers(v, nil, nil); found != nil {
		return found
	}
	c, err := s.take()
	if err != nil {
		return []Violation{{Message: "Cannot be checked."}}
	}
	err, ended := c.check(v, size)
	s.idle <- c
	if !ended {
		return []Violation{{Message: "Too costly to check."}}
	}
	broken, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return nil
	}
	return violations(broken)
}

// take returns a checker that nobody else has until it is put back.
func (s *Schema) take() (*checker, error) {
	select {
	case c := <-s.idle:
		return c, nil
	default:
	}
	if int(s.made.Add(1)) <= cap(s.idle) {
		c, err := newChecker(s.doc)
		if err != nil { // it compiled once
			s.made.Add(-1)
		}
		return c, err
	}
	s.made.Add(-1)
	return <-s.idle, nil
}

// Invalid returns violations as an error about an event's data: of strict types,
// Publish returns it. Without violations it is nil.
func Invalid(found []Violation) error {
	var inv webhook.InvalidError
	for _, v := range found {
		inv.Add("data"+v.Pointer, webhook.CodePayloadInvalid, v.Message)
	}
	return inv.Err()
}

// numbers returns violations for numbers that are not looked at; see the package's
// documentation.
func numbers(v any, at []string, found []Violation) []Violation {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			found = numbers(below, append(at, name), found)
		}
	case []any:
		for i, below := range v {
			if _, number := below.(json.Number); !number && !container(below) {
				continue
			}
			found = numbers(below, append(at, strconv.Itoa(i)), found)
		}
	case json.Number:
		if len(found) < MaxViolations && !comparable(v) {
			found = append(found, Violation{pointerTo(at), "Must be a number within the range of a double, of at most 1,000 characters."})
		}
	}
	return found
}

func container(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// maxNumber is the length of a number beyond which it is not looked at. Doubles,
// written out, have at most 767 digits that count.
const maxNumber = 1_000

func comparable(n json.Number) bool {
	if len(n) < 16 && !strings.ContainsAny(string(n), "eE") {
		return true
	}
	if len(n) > maxNumber {
		return false
	}
	f, err := n.Float64()
	// What is too small for a double becomes 0, and has a long exponent.
	return err == nil && (f != 0 || math.Abs(exponent(string(n))) < 400)
}

func exponent(n string) float64 {
	i := strings.IndexAny(n, "eE")
	if i < 0 {
		return 0
	}
	e, err := strconv.ParseFloat(n[i+1:], 64)
	if err != nil {
		return math.Inf(1)
	}
	return e
}

// violations returns what the library found, sorted by place.
func violations(broken *jsonschema.ValidationError) []Violation {
	var found []Violation
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 || isChoice(e.ErrorKind) {
			found = append(found, describe(e)...)
			return
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(broken)
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Message, b.Message))
	})
	found = slices.Compact(found)
	return found[:min(len(found), MaxViolations)]
}

// isChoice reports whether what is wrong is one thing, however many ways there are
// to put it right.
func isChoice(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains, *kind.MinContains, *kind.MaxContains, *kind.PropertyNames:
		return true
	}
	return false
}

// pointerTo returns the pointer to a place, cut off before a name that is not plain.
func pointerTo(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		if !plain(t) {
			break
		}
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// maxName is the longest name that is repeated in a pointer.
const maxName = 64

func plain(name string) bool {
	if len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < '!' || c > '~' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '&' {
			return false
		}
	}
	return true
}
