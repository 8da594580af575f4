package celexpr

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/postrider/postrider/webhook"
)

// compile returns a program and the type of its value.
func compile(e *cel.Env, text string) (program, *cel.Type, error) {
	checked, issues := e.Compile(text)
	if issues.Err() != nil {
		return program{}, nil, problem(issues)
	}
	p := program{loops: loops(checked.NativeRep().Expr())}
	options := []cel.ProgramOption{
		cel.EvalOptions(cel.OptTrackCost),
		cel.CostTracking(costs{}),
		cel.CostLimit(costLimit),
		cel.OptimizeRegex(literalRegexp),
		cel.CustomDecoratorV2(orderMaps),
		cel.InterruptCheckFrequency(checkEvery),
	}
	if !p.loops { // literals are made once; but for maps, whose keys would have no order
		options = append(options, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost))
	} else {
		options = append(options, cel.MemoryTracking(types.MemoryTrackerSampleInterval(1)), cel.MemoryLimit(maxElements))
	}
	var err error
	if p.Program, err = e.Program(checked, options...); err != nil {
		return program{}, nil, &webhook.ExpressionError{Problem: "Has a literal, such as a regular expression, that is not valid."}
	}
	if err := tooCostly(p, checked); err != nil {
		return program{}, nil, err
	}
	return p, checked.OutputType(), nil
}

// tooCostly returns an error if an expression costs too much whatever the event is:
// one that looks at no event is tried.
func tooCostly(p program, checked *cel.Ast) error {
	for _, r := range checked.NativeRep().ReferenceMap() {
		if r.Name == "data" || r.Name == "metadata" || r.Name == "type" {
			return nil
		}
	}
	_, err := p.eval(context.Background(), &decoded{ev: new(webhook.Event)})
	if errors.Is(err, webhook.ErrTooCostly) {
		return &webhook.ExpressionError{Problem: "Would cost too much time or memory.", TooCostly: true}
	}
	return nil
}

// loops reports whether an expression goes over lists, or makes lists or maps of what
// is not literal: what does neither takes no more steps than it has signs.
func loops(root ast.Expr) bool {
	found := false
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.ComprehensionKind, ast.MapKind, ast.StructKind:
			found = true
		case ast.ListKind:
			for _, element := range e.AsList().Elements() {
				found = found || element.Kind() != ast.LiteralKind
			}
		}
	}))
	return found
}

// problem says where an expression is wrong, and what is wrong in words that repeat
// nothing of it.
func problem(issues *cel.Issues) error {
	errs := issues.Errors()
	if len(errs) == 0 {
		return &webhook.ExpressionError{Problem: "Is not a valid expression."}
	}
	first := errs[0]
	text := "Is not a valid expression."
	for begin, means := range map[string]string{
		"Syntax error":             "Is not a valid expression.",
		"undeclared reference":     "Has a name that is not known; there are type and data, and for filters metadata.",
		"found no matching":        "Has an operator or a function for other kinds of values.",
		"undefined field":          "Has a field that there is not.",
		"expression":               "Is too long or nested too deep.",
		"expected type":            "Has a value of another kind than is wanted.",
		"invalid matches argument": "Has a regular expression that is not valid, or too large.",
		"regex":                    "Has a regular expression that is not valid, or too large.",
		"Expression recursion":     "Is nested too deep.",
		"expression code point":    "Is too long.",
		"expression node count":    "Is too large.",
		"max recursion depth":      "Is nested too deep.",
	} {
		if strings.HasPrefix(first.Message, begin) {
			text = means
		}
	}
	e := &webhook.ExpressionError{Problem: text}
	if first.Location != nil && first.Location.Line() > 0 {
		e.Line, e.Column = first.Location.Line(), first.Location.Column()+1
	}
	return e
}

// ordered is an expression that makes a map, whose keys are gone over in their order.
type ordered struct {
	interpreter.InterpretableConstructor
}

// Exec implements interpreter.InterpretableV2.
func (o ordered) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return inOrder(o.InterpretableConstructor.Exec(frame))
}

// Eval implements interpreter.Interpretable.
func (o ordered) Eval(vars interpreter.Activation) ref.Val {
	return inOrder(o.InterpretableConstructor.Eval(vars))
}

func inOrder(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return &literal{m}
	}
	return v
}

// orderMaps makes the maps that are written in an expression ordered ones.
func orderMaps(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if c, ok := i.(interpreter.InterpretableConstructor); ok && c.Type() == types.MapType {
		return ordered{c}, nil
	}
	return i, nil
}

// addition declares + for all that the standard library has it for but bytes.
func addition() cel.EnvOption {
	a := cel.TypeParamType("A")
	list := cel.ListType(a)
	overload := func(id string, x, y, result *cel.Type) cel.FunctionOpt {
		return cel.Overload(id, []*cel.Type{x, y}, result)
	}
	return cel.Function("_+_",
		overload("add_double", cel.DoubleType, cel.DoubleType, cel.DoubleType),
		overload("add_duration_duration", cel.DurationType, cel.DurationType, cel.DurationType),
		overload("add_duration_timestamp", cel.DurationType, cel.TimestampType, cel.TimestampType),
		overload("add_timestamp_duration", cel.TimestampType, cel.DurationType, cel.TimestampType),
		overload("add_int64", cel.IntType, cel.IntType, cel.IntType),
		overload("add_list", list, list, list),
		overload("add_string", cel.StringType, cel.StringType, cel.StringType),
		overload("add_uint64", cel.UintType, cel.UintType, cel.UintType),
		cel.SingletonBinaryBinding(add, traits.AdderType))
}

// matching declares matches. Only literals have a meaning, which literalRegexp gives
// them.
func matching() cel.EnvOption {
	return cel.Function("matches",
		cel.Overload("matches", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType),
		cel.MemberOverload("matches_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType),
		cel.SingletonBinaryBinding(func(ref.Val, ref.Val) ref.Val {
			return types.NewErr("a regular expression must be a literal")
		}))
}

var literalRegexp = &interpreter.RegexOptimization{
	Function: "matches", RegexIndex: 1,
	Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
			s, ok := values[0].(types.String)
			switch {
			case !ok:
				return types.NoSuchOverloadErr()
			case len(s) > maxMatched:
				return types.NewErr("%w", errTooLarge)
			}
			return types.Bool(compiled.MatchString(string(s)))
		}), nil
	},
}
