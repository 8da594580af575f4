package schema

import (
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Steps that a check may take; see the package's documentation. Measured: what goes on
// in real schemas is 2 to 20 steps for each value, and no value has less than two bytes. A step takes
// 0.1 to 0.7 µs, so that what is hostile ends after some 50 ms, and 700 ms if it is 256 KiB long.
const (
	minSteps     = 100_000
	stepsPerByte = 4
)

// budget is the steps that are left.
type budget struct{ left int }

// spent is what a check panics with, which is the only way out of the library.
type spent struct{}

func (b *budget) spend(steps int) {
	if b.left -= steps; b.left < 0 {
		panic(spent{})
	}
}

// checker checks one document at a time.
type checker struct {
	schema *jsonschema.Schema
	budget *budget
}

func newChecker(doc any) (*checker, error) {
	b := new(budget)
	sch, err := compile(doc, patterns(b))
	if err != nil {
		return nil, err
	}
	g := graph{budget: b, heights: make(map[*jsonschema.Schema]int)}
	if !g.all(sch) {
		return nil, invalid("", fmt.Sprintf("Schema must not refer to itself at the same place of a document, nor through more than %d others.", maxChain))
	}
	return &checker{sch, b}, nil
}

// check returns what the library finds, and whether it came to an end.
func (c *checker) check(doc any, size int) (err error, ended bool) { //nolint:revive // the error is the result
	c.budget.left = minSteps + stepsPerByte*size
	defer func() {
		if r := recover(); r != nil {
			// Also what the library may have overlooked must not end the process.
			err, ended = nil, false
		}
	}()
	return c.schema.Validate(doc), true
}

// maxChain is how many schemas may lead from one to the next at the same place of a
// document, so that checking what is nested deeply takes a bounded stack.
const maxChain = 64

// graph goes through a compiled schema once and makes each part count its steps.
type graph struct {
	budget *budget
	// heights has how long the ways are that begin at a schema without going deeper into
	// the document, or onTheWay.
	heights map[*jsonschema.Schema]int
	// below are those that are for what is in a value.
	below []*jsonschema.Schema
}

const onTheWay = -1

// all goes through all schemas that one leads to; see visit.
func (g *graph) all(root *jsonschema.Schema) bool {
	for g.below = append(g.below, root); len(g.below) > 0; {
		next := g.below[len(g.below)-1]
		g.below = g.below[:len(g.below)-1]
		if _, ok := g.visit(next); !ok {
			return false
		}
	}
	return true
}

// visit returns the height of a schema. It reports false if one is too high, or a way
// leads from it to itself, which would never end.
func (g *graph) visit(s *jsonschema.Schema) (height int, ok bool) {
	if s == nil {
		return 0, true
	}
	if height, known := g.heights[s]; known {
		return height, height != onTheWay
	}
	g.heights[s] = onTheWay
	here, below := parts(s)
	for _, next := range here {
		h, ok := g.visit(next)
		if !ok {
			return 0, false
		}
		height = max(height, h+1)
	}
	g.count(s, len(here))
	g.heights[s] = height
	g.below = append(g.below, below...)
	return height, height <= maxChain
}

// count makes a schema spend steps before it goes on to others. The library asks for the
// format before anything that takes long.
func (g *graph) count(s *jsonschema.Schema, here int) {
	weight := 1 + here
	if s.Enum != nil {
		weight += len(s.Enum.Values)
	}
	counted := &jsonschema.Format{}
	check := func(any) error { return nil }
	if s.Format != nil {
		counted.Name = s.Format.Name
		if check = s.Format.Validate; counted.Name == "regex" {
			check = isPattern
		}
	}
	counted.Validate = func(v any) error {
		g.budget.spend(weight * (1 + extent(v)))
		return check(v)
	}
	s.Format = counted
}

// extent is how much there is to go through at one level of a value.
func extent(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	case string:
		return len(v) / 64 // as much as is read in the time of a step
	}
	return 0
}

var errNoPattern = errors.New("no regular expression")

// isPattern checks texts that are to be patterns.
func isPattern(v any) error {
	text, ok := v.(string)
	left := maxPattern
	if !ok {
		return nil
	}
	if _, _, err := compilePattern(text, &left); err != nil {
		return errNoPattern
	}
	return nil
}

// parts returns the schemas that one applies to the same value, and those that it
// applies to what is in the value.
func parts(s *jsonschema.Schema) (here, below []*jsonschema.Schema) {
	here = append(here, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else)
	if s.DynamicRef != nil {
		here = append(here, s.DynamicRef.Ref)
	}
	here = append(append(append(here, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, d := range s.DependentSchemas {
		here = append(here, d)
	}
	for _, d := range s.Dependencies {
		here = appendSchema(here, d)
	}
	below = append(below, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema)
	below = append(below, s.PrefixItems...)
	for _, p := range s.Properties {
		below = append(below, p)
	}
	for _, p := range s.PatternProperties {
		below = append(below, p)
	}
	below = appendSchema(appendSchema(appendSchema(below, s.AdditionalProperties), s.Items), s.AdditionalItems)
	given := here[:0]
	for _, part := range here {
		if part != nil {
			given = append(given, part)
		}
	}
	return given, below
}

// appendSchema appends what may be a schema.
func appendSchema(list []*jsonschema.Schema, v any) []*jsonschema.Schema {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return append(list, v)
	case []*jsonschema.Schema:
		return append(list, v...)
	}
	return list
}
