package celexpr

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	// costLimit bounds what an expression costs, in units of which each is a step, or a
	// few bytes or elements looked at. Hostile expressions were measured to take 15 to
	// 70 ns a unit, so that they are stopped within 10 ms on a core of 2020.
	costLimit = 50_000
	// maxElements bounds a value, in elements with all that is in them, and so what a
	// comparison or an addition costs before its cost is known.
	maxElements = 50_000
	// maxResult bounds what a transform makes, in bytes: as much as the default of
	// dispatcher.Config.MaxPayload.
	maxResult = 256 << 10
	// maxRegexp bounds the steps of a regular expression, and maxMatched the text that
	// it is matched against: their product is at most 10 ms of work.
	maxRegexp  = 200
	maxMatched = 4 << 10
)

// costs prices the calls whose standard price does not depend on the size of what they
// are given although their work does. It implements cost.ActualCostEstimator.
type costs struct{}

// CallCost implements cost.ActualCostEstimator.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	var n uint64
	switch function {
	case "_==_", "_!=_":
		n = 1 + min(size(args[0]), size(args[1]))
	case "@in", "_in_", "in":
		if _, ok := args[1].(traits.Lister); !ok {
			return nil
		}
		n = 1 + size(args[1])
	case "_+_":
		n = 1 + size(result)
	case "matches":
		n = 1 + 10*size(args[0])
	case "int", "uint", "double", "bool", "duration", "timestamp":
		n = 1
		if s, ok := args[0].(types.String); ok { // which is quoted if it is none
			n += uint64(len(s))
		}
	case "size":
		n = 1 + size(args[0])/8
	case "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds":
		n = 1
		if len(args) > 1 { // a time zone is looked up
			n = 1000
		}
	default:
		return nil
	}
	return &n
}

var sizes = types.NewSizeCalculator()

// size returns how much a value has to be looked at: its elements, and its text by
// eight bytes.
func size(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v)) / 8
	case *object:
		return uint64(v.nodes) + uint64(len(v.raw))/64
	case *list:
		return uint64(v.nodes) + uint64(len(v.raw))/64
	case traits.Lister, traits.Mapper:
		return uint64(sizes.AggregateSize(v))
	}
	return 1
}

// add is addition within bounds. Lists grow by being referred to, so they could have
// more elements than a computer ever counts.
func add(a, b ref.Val) ref.Val {
	if la, ok := a.(traits.Lister); ok {
		lb, ok := b.(traits.Lister)
		if !ok {
			return types.NewErr("no such overload")
		}
		if na, nb := la.Size().(types.Int), lb.Size().(types.Int); na+nb > maxElements || na < 0 || nb < 0 {
			return types.NewErr("%w", errTooLarge)
		}
	}
	if sa, ok := a.(types.String); ok {
		if sb, ok := b.(types.String); ok && len(sa)+len(sb) > maxResult {
			return types.NewErr("%w", errTooLarge)
		}
	}
	return a.(traits.Adder).Add(b)
}
