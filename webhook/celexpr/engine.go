package celexpr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/postrider/postrider/webhook"
)

type activation = interpreter.Activation

// Engine compiles filters and transforms. Create it with New. It is safe for concurrent
// use.
type Engine struct{ filters, transforms *cel.Env }

var _ webhook.Expressions = (*Engine)(nil)

// New returns an engine. The error is that of a CEL library that does not fit, which
// no input brings about.
func New() (*Engine, error) {
	base, err := cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: []*env.Function{
			env.NewFunction("_+_"), env.NewFunction("bytes"), env.NewFunction("matches"),
		}})),
		cel.CrossTypeNumericComparisons(true),
		cel.RegexProgramSizeLimit(maxRegexp),
		cel.ParserExpressionSizeLimit(webhook.MaxExpressionLen),
		cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(maxNodes),
		addition(), matching(),
		cel.Variable("type", cel.StringType),
		cel.Variable("data", cel.DynType),
	)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	filters, err := base.Extend(cel.Variable("metadata", cel.MapType(cel.StringType, cel.StringType)))
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	return &Engine{filters, base}, nil
}

const (
	// maxNesting and maxNodes bound what it takes to compile an expression: what is
	// deeper is written by no hand, and 4 KiB of text have fewer nodes unless macros
	// are nested to multiply them.
	maxNesting = 50
	maxNodes   = 5_000
	// evalTimeout ends what is still going on, which its cost should have ended.
	evalTimeout = 10 * time.Millisecond
	// checkEvery is how many turns of a loop pass without a look at the clock.
	checkEvery = 16
)

// Filter implements webhook.Expressions.
func (e *Engine) Filter(text string) (webhook.Filter, error) {
	p, out, err := compile(e.filters, text)
	if err != nil {
		return nil, err
	}
	if !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, &webhook.ExpressionError{Problem: "Must be true or false."}
	}
	return filter{p}, nil
}

// Transform implements webhook.Expressions.
func (e *Engine) Transform(text string) (webhook.Transform, error) {
	p, _, err := compile(e.transforms, text)
	if err != nil {
		return nil, err
	}
	return transform{p}, nil
}

// Decode implements webhook.Expressions.
func (e *Engine) Decode(ev *webhook.Event) webhook.Decoded { return &decoded{ev: ev} }

// program is a compiled expression.
type program struct {
	cel.Program
	// loops says that it may take many steps of one kind, or make values.
	loops bool
}

type filter struct{ program }

// Match implements webhook.Filter.
func (f filter) Match(ctx context.Context, ev webhook.Decoded) (bool, error) {
	v, err := f.eval(ctx, ev)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("the value of the filter is neither true nor false")
	}
	return bool(b), nil
}

type transform struct{ program }

// Apply implements webhook.Transform.
func (t transform) Apply(ctx context.Context, ev webhook.Decoded) ([]byte, error) {
	v, err := t.eval(ctx, ev)
	if err != nil {
		return nil, err
	}
	var w writer
	if err := w.value(v); err != nil {
		return nil, err
	}
	return w.out, nil
}

// errTooLarge is the error of a value that is out of bounds.
var errTooLarge = fmt.Errorf("%w: a value is too large", webhook.ErrTooCostly)

func (p program) eval(ctx context.Context, ev webhook.Decoded) (v ref.Val, err error) {
	d, ok := ev.(*decoded)
	if !ok {
		return nil, errors.New("the event was decoded by another engine")
	}
	if !p.loops {
		v, _, err = p.Eval(d)
		return v, plainError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, evalTimeout)
	defer cancel()
	v, _, err = p.ContextEval(ctx, d)
	return v, plainError(err)
}

// plainError returns an error without what it may repeat of an event.
func plainError(err error) error {
	if err == nil || errors.Is(err, errTooLarge) {
		return err
	}
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		if cancelled.Cause == interpreter.CostLimitExceeded || cancelled.Cause == interpreter.MemoryLimitExceeded {
			return webhook.ErrTooCostly
		}
	}
	if errors.Is(err, interpreter.InterruptError{}) {
		return fmt.Errorf("%w: it took longer than %v", webhook.ErrTooCostly, evalTimeout)
	}
	return errEvaluation
}

// errEvaluation is all that is told of an expression that fails on an event.
var errEvaluation = errors.New("the event lacks a field that the expression looks at, or has one of another kind")
