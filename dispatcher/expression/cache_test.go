package expression_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/webhook"
)

// engine counts what it compiles. A text that begins with "bad" is refused.
type engine struct{ compiled atomic.Int64 }

type compiled string

func (c compiled) Match(context.Context, webhook.Decoded) (bool, error) { return c == "yes", nil }

func (c compiled) Apply(context.Context, webhook.Decoded) ([]byte, error) {
	return []byte(`"` + string(c) + `"`), nil
}

func (e *engine) compile(text string) (compiled, error) {
	e.compiled.Add(1)
	if text[:min(3, len(text))] == "bad" {
		return "", &webhook.ExpressionError{Problem: "Is bad."}
	}
	return compiled(text), nil
}

func (e *engine) Filter(text string) (webhook.Filter, error)       { return e.compile(text) }
func (e *engine) Transform(text string) (webhook.Transform, error) { return e.compile(text) }
func (e *engine) Decode(ev *webhook.Event) webhook.Decoded         { return ev }

func TestCompilesOnce(t *testing.T) {
	t.Parallel()
	e := new(engine)
	c := expression.New(e)
	for range 3 {
		f, err := c.Filter("yes")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := f.Match(t.Context(), nil); !ok || err != nil {
			t.Errorf("Match = %v, %v; want that of the filter that was asked for", ok, err)
		}
		tr, err := c.Transform("yes")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tr.Apply(t.Context(), nil); string(got) != `"yes"` || err != nil {
			t.Errorf("Apply = %s, %v; want that of the transform that was asked for", got, err)
		}
		var problem *webhook.ExpressionError
		if _, err := c.Filter("bad"); !errors.As(err, &problem) {
			t.Errorf("Filter of what is none = %v; want what is wrong with it", err)
		}
	}
	if n := e.compiled.Load(); n != 3 {
		t.Errorf("%d compiled; want a filter, a transform of the same text, and what is wrong with a third, once each", n)
	}
}

func TestWithoutAnEngine(t *testing.T) {
	t.Parallel()
	c := expression.New(nil)
	if _, err := c.Filter("yes"); !errors.Is(err, expression.ErrNoEngine) {
		t.Errorf("Filter = %v; want ErrNoEngine", err)
	}
	if _, err := c.Transform("yes"); !errors.Is(err, expression.ErrNoEngine) {
		t.Errorf("Transform = %v; want ErrNoEngine", err)
	}
	if got := c.Decode(&webhook.Event{ID: "evt_1"}); got != nil {
		t.Errorf("Decode = %v; want nothing: nobody asks for it", got)
	}
}

// TestIsBounded compiles more than is kept, from many goroutines.
func TestIsBounded(t *testing.T) {
	t.Parallel()
	const kept, more = 20_000, 60_000
	e := new(engine)
	c := expression.New(e)
	each := func() {
		var all sync.WaitGroup
		for part := range 5 {
			all.Go(func() {
				for i := part; i < more; i += 5 {
					if _, err := c.Filter(fmt.Sprint("filter ", i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	each()
	first := e.compiled.Load()
	each()
	if again := e.compiled.Load() - first; first != more || again < kept {
		t.Errorf("%d were compiled at first and %d again; want all, and at least %d of those that there is no room for", first, again, kept)
	}
}
