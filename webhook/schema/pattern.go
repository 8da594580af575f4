package schema

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of patterns, in states of what they compile to: a repetition counts for
// each time. A pattern for addresses has some 50, one for UUIDs 150. They keep what a schema takes of
// memory below a few megabytes.
const (
	maxPattern  = 2_000
	maxPatterns = 20_000
)

// statesPerStep is how many states of a pattern at a byte cost as much as one other
// step of a check: package regexp takes about 10 ns for one.
const statesPerStep = 32

var errPattern = errors.New("pattern is too large")

// compilePattern returns a pattern and its size, which it takes from what is left.
// It is looked at before it is compiled, which is what takes memory.
func compilePattern(text string, left *int) (*regexp.Regexp, int, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	size := states(tree)
	if size > maxPattern || size > *left {
		return nil, 0, errPattern
	}
	*left -= size
	re, err := regexp.Compile(text)
	return re, size, err
}

// states returns about how many states a pattern has when repetitions are written
// out, and no more than a little over maxPattern.
func states(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpRepeat, syntax.OpConcat, syntax.OpCapture:
		n = 0
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass:
		n = 1 + len(re.Rune)/16 // long classes take longer to look through
	}
	for _, sub := range re.Sub {
		n += states(sub)
		if n > maxPattern {
			return n
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min+1, 1)
	}
	return min(n, 2*maxPattern)
}

// pattern is a pattern that counts what it costs.
type pattern struct {
	*regexp.Regexp
	size   int
	budget *budget
}

// MatchString implements jsonschema.Regexp.
func (p *pattern) MatchString(s string) bool {
	p.budget.spend(1 + (len(s)+1)*p.size/statesPerStep)
	return p.Regexp.MatchString(s)
}

// patterns returns the engine of one compilation of a schema.
func patterns(b *budget) jsonschema.RegexpEngine {
	left := maxPatterns
	return func(text string) (jsonschema.Regexp, error) {
		re, size, err := compilePattern(text, &left)
		if err != nil {
			return nil, err
		}
		return &pattern{re, size, b}, nil
	}
}
