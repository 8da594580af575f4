package celexpr

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// object is a JSON object. Its members keep their order, so that what goes over them
// has the same result each time.
type object struct {
	names  []string
	values []ref.Val
	// index finds members of an object that has many.
	index map[string]int
	// raw is how it was written, and nodes how many values are in it.
	raw   string
	nodes uint32
}

var _ traits.Mapper = (*object)(nil)

// linear is how many members are looked through one by one, which is faster than a
// map up to there.
const linear = 8

func (o *object) lookup(name string) (ref.Val, bool) {
	if o.index != nil {
		i, ok := o.index[name]
		if !ok {
			return nil, false
		}
		return o.values[i], true
	}
	for i := len(o.names) - 1; i >= 0; i-- {
		if o.names[i] == name {
			return o.values[i], true
		}
	}
	return nil, false
}

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	return o.lookup(string(name))
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.NewErr("no such key")
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return types.Int(len(o.names)) }

// AggregateSize implements types.AggregateSizeVisitor.
func (o *object) AggregateSize(types.AggregateSizer) uint32 { return o.nodes }

// Iterator implements traits.Iterable.
func (o *object) Iterator() traits.Iterator {
	keys := make([]ref.Val, len(o.names))
	for i, name := range o.names {
		keys[i] = types.String(name)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok || m.Size() != o.Size() {
		return types.False
	}
	for i, name := range o.names {
		v, found := m.Find(types.String(name))
		if !found || types.Equal(o.values[i], v) != types.True {
			return types.False
		}
	}
	return types.True
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("no conversion of an object to %s", t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.MapType:
		return o
	case types.TypeType:
		return types.MapType
	}
	return types.NewErr("no such conversion of an object")
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// list is a JSON array: a list of CEL that knows how it was written.
type list struct {
	traits.Lister
	raw   string
	nodes uint32
}

// AggregateSize implements types.AggregateSizeVisitor.
func (l *list) AggregateSize(types.AggregateSizer) uint32 { return l.nodes }

// literal is a map that was written in an expression.
type literal struct{ traits.Mapper }

// Iterator implements traits.Iterable.
func (l *literal) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := l.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int {
		return cmp.Or(cmp.Compare(a.Type().TypeName(), b.Type().TypeName()), cmp.Compare(fmt.Sprint(a.Value()), fmt.Sprint(b.Value())))
	})
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

// AggregateSize implements types.AggregateSizeVisitor.
func (l *literal) AggregateSize(s types.AggregateSizer) uint32 { return s.AggregateSize(l.Mapper) }
