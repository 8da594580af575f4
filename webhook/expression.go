package webhook

import (
	"context"
	"errors"
	"fmt"
)

// MaxExpressionLen bounds the filter and the transform of an endpoint, in bytes.
const MaxExpressionLen = 4 << 10

// Expressions is a language for filters and transforms, such as that of package
// celexpr. What it compiles is bounded in time and memory, whatever it is and
// whatever it is given, has no effect on anything, and gives the same result each
// time. Everything is safe for concurrent use, but for what Decode returns.
type Expressions interface {
	// Filter compiles a condition on the type, data and metadata of an event. The
	// error is an *ExpressionError.
	Filter(text string) (Filter, error)
	// Transform compiles an expression over the type and data of an event whose
	// value takes the place of the data. The error is an *ExpressionError.
	Transform(text string) (Transform, error)
	// Decode returns an event as filters and transforms look at it, in one goroutine.
	// It is cheap until one does.
	Decode(ev *Event) Decoded
}

// Decoded is an event as an Expressions has decoded it, once for any number of its
// filters and transforms.
type Decoded any

// Filter is a condition.
type Filter interface {
	// Match reports whether an event meets the condition. An error says that this
	// could not be found out; it matches ErrTooCostly if that took too long.
	Match(ctx context.Context, ev Decoded) (bool, error)
}

// Transform makes other data of an event's.
type Transform interface {
	// Apply returns the data, which is JSON. Errors are as those of Filter.Match.
	Apply(ctx context.Context, ev Decoded) ([]byte, error)
}

// ErrTooCostly is matched by the error of an expression that would take too much time
// or memory.
var ErrTooCostly = errors.New("expression costs too much")

// ExpressionError says what is wrong with an expression.
type ExpressionError struct {
	// Line and Column are where, counted from 1; 0 if it is the whole.
	Line, Column int
	// Problem is a sentence for people that repeats nothing of the expression.
	Problem string
	// TooCostly says that it is well formed, and would always cost too much.
	TooCostly bool
}

// Error says where the problem is, and the problem.
func (e *ExpressionError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("Line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Is makes one that costs too much match ErrTooCostly.
func (e *ExpressionError) Is(target error) bool { return target == ErrTooCostly && e.TooCostly }

func (ep Endpoint) validateExpressions(inv *InvalidError) {
	for _, f := range []struct{ field, text, code string }{
		{"filter", ep.Filter, CodeFilterInvalid}, {"transform", ep.Transform, CodeTransformInvalid},
	} {
		if len(f.text) > MaxExpressionLen || !cleanLines(f.text) {
			inv.Add(f.field, f.code, fmt.Sprintf("Must be at most %d bytes of UTF-8 text without control characters but tabs and line ends.", MaxExpressionLen))
		}
	}
}
