package expression

import (
	"errors"
	"fmt"

	"github.com/maypok86/otter/v2"

	"github.com/postrider/postrider/webhook"
)

// ErrNoEngine is returned for every expression where no Expressions are configured:
// an endpoint that has one was created by a process that had them.
var ErrNoEngine = errors.New("expressions are not configured in this process")

// maxCompiled bounds the filters, and the transforms, that are kept: twice as many as
// there are on ten thousand endpoints that all have another. What one takes depends on its text, of at most 4 KiB.
const maxCompiled = 20_000

// Cache compiles expressions. Create it with New. It is safe for concurrent use.
type Cache struct {
	engine     webhook.Expressions
	filters    *otter.Cache[string, compiled[webhook.Filter]]
	transforms *otter.Cache[string, compiled[webhook.Transform]]
}

// compiled is an expression, or what is wrong with it.
type compiled[T any] struct {
	expr T
	err  error
}

// New returns what compiles with an engine, which may be nil: then there are no
// expressions but the errors of those that endpoints have.
func New(engine webhook.Expressions) *Cache {
	return &Cache{engine: engine, filters: newCache[webhook.Filter](), transforms: newCache[webhook.Transform]()}
}

func newCache[T any]() *otter.Cache[string, compiled[T]] {
	return otter.Must(&otter.Options[string, compiled[T]]{MaximumSize: maxCompiled})
}

// Filter returns the filter of an endpoint. Errors are ErrNoEngine and
// *webhook.ExpressionError.
func (c *Cache) Filter(text string) (webhook.Filter, error) {
	if c.engine == nil {
		return nil, fmt.Errorf("compile filter: %w", ErrNoEngine)
	}
	return get(c.filters, text, c.engine.Filter)
}

// Transform returns the transform of an endpoint. Errors are ErrNoEngine and
// *webhook.ExpressionError.
func (c *Cache) Transform(text string) (webhook.Transform, error) {
	if c.engine == nil {
		return nil, fmt.Errorf("compile transform: %w", ErrNoEngine)
	}
	return get(c.transforms, text, c.engine.Transform)
}

// get does not make callers wait for each other: two may compile the same.
func get[T any](cache *otter.Cache[string, compiled[T]], text string, compile func(string) (T, error)) (T, error) {
	if known, ok := cache.GetIfPresent(text); ok {
		return known.expr, known.err
	}
	expr, err := compile(text)
	cache.Set(text, compiled[T]{expr, err})
	return expr, err
}

// Decode returns an event for filters and transforms; nil without an engine.
func (c *Cache) Decode(ev *webhook.Event) webhook.Decoded {
	if c.engine == nil {
		return nil
	}
	return c.engine.Decode(ev)
}
