package celexpr_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
)

// hostileData is a payload of 256 KiB with whatever an expression can be slow about.
var hostileData = func() string {
	const n = 30_000
	return `{"s":"` + strings.Repeat("a", 64<<10) + `","t":"` + strings.Repeat("a", 64<<10) + `","l":[` + strings.Repeat("1,", n) + `1],"one":[1],
		"o":{"l":[` + strings.Repeat("[1],", n/2) + `[1]]}}`
}()

func nested(levels int, inner string) string {
	return strings.Repeat("[1,2,3,4,5,6,7,8,9,10].all(x, ", levels) + inner + strings.Repeat(")", levels)
}

func chained(begin, step string, n int) string { return begin + strings.Repeat(step, n) }

// hostile are expressions that would take years, or all the memory there is.
var hostile = map[string]string{
	"deep comprehension":           nested(12, "data.one == [1]"),
	"deep comprehension over data": "data.l.all(a, data.l.all(b, data.l.all(c, a == b && b == c)))",
	"long string growth":           chained(`[data.s]`, `.map(s, s + s)`, 40) + ` == data`,
	"string growth of a literal":   chained(`["aaaaaaaa"]`, `.map(s, s + s)`, 40) + ` == data`,
	"huge list":                    chained(`[data.l]`, `.map(l, l + l)`, 40) + ` == data`,
	"list of itself":               chained(`data.one`, `.map(l, [l, l])`, 40) + `.all(x, x == x)`,
	"list of itself, later":        `[1, 2].all(i, ` + chained(`(i == 1 ? [] : data.one)`, `.map(l, [l, l])`, 40) + `.all(x, x == x))`,
	"map of itself":                chained(`data.one`, `.map(l, {"a": l, "b": l})`, 40) + `.all(x, x == x)`,
	"comparisons of large values":  strings.Repeat("data.o == data.o && ", 150) + "data.o == data.o",
	"comparisons in literals":      "[" + strings.Repeat("data.o, ", 150) + "data.o] == [" + strings.Repeat("data.o, ", 150) + "data.o]",
	"a search in each of a list":   `data.l.all(x, x in data.l || true)`,
	"a search for text in each":    `data.l.all(x, !data.s.contains("aaaaaaaaaaaaaaab"))`,
	"regular expressions":          `data.l.all(x, !data.s.matches("(a|aa)*b"))`,
	"conversions of text":          `data.l.all(x, int(data.s) == 1 || true)`,
	"timestamps of text":           `data.l.all(x, timestamp(data.s) == timestamp(data.s) || true)`,
	"sizes of text":                `data.l.all(x, size(data.s) > 0)`,
	"time zones":                   `data.l.all(x, timestamp("2026-03-01T12:00:00Z").getHours("Europe/Berlin") >= 0)`,
	"comparisons of text":          `data.l.all(x, data.s == data.t && data.s <= data.t)`,
	"errors that others hide":      `data.l.exists(x, data.gone == x)`,
}

// Each is stopped by what it costs and not by a clock, so that this test does not
// depend on how fast the machine is, and within some megabytes.
func TestHostile(t *testing.T) {
	e := engine(t)
	ev := event(hostileData)
	for name, text := range hostile {
		f, err := e.Filter(text)
		if errors.Is(err, webhook.ErrTooCostly) {
			continue // known before there is an event
		}
		if problem, ok := errors.AsType[*webhook.ExpressionError](err); ok {
			t.Logf("%s is refused: %v", name, problem)
			continue
		}
		d := e.Decode(ev)
		warm, err := e.Filter("data.one == [1]")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := warm.Match(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		before := allocated()
		got, err := f.Match(t.Context(), d)
		if !errors.Is(err, webhook.ErrTooCostly) {
			t.Errorf("%s = %t, %v; want ErrTooCostly", name, got, err)
		}
		if grew := allocated() - before; grew > 64<<20 {
			t.Errorf("%s allocated %d MiB; want 64 at most", name, grew>>20)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestHostileTransforms(t *testing.T) {
	e := engine(t)
	for name, text := range map[string]string{
		"the data many times":   "[" + strings.Repeat("data, ", 30) + "data]",
		"a list of itself":      chained(`data.one`, `.map(l, [l, l])`, 40),
		"a list of lists":       `data.l.map(x, data.l)`,
		"a long text, in parts": chained(`[data.s]`, `.map(s, [s, s])`, 20),
	} {
		tr, err := e.Transform(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tr.Apply(t.Context(), e.Decode(event(hostileData))); !errors.Is(err, webhook.ErrTooCostly) {
			t.Errorf("%s = %d bytes, %v; want ErrTooCostly", name, len(got), err)
		}
	}
}

// What costs too much whatever the event is, is known when it is compiled.
func TestTooCostly(t *testing.T) {
	_, err := engine(t).Filter(nested(7, "1 == 1"))
	if problem, ok := errors.AsType[*webhook.ExpressionError](err); !ok || !problem.TooCostly {
		t.Errorf("Filter = %v; want an ExpressionError that is TooCostly", err)
	}
}

func BenchmarkHostile(b *testing.B) {
	e := engine(b)
	d := e.Decode(event(hostileData))
	for name, text := range hostile {
		f, err := e.Filter(text)
		if err != nil {
			continue
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Match(b.Context(), d); err == nil {
					b.Fatal("not stopped")
				}
			}
		})
	}
}

// BenchmarkFilters is an event of 1 KiB against 10,000 different filters, with its
// decoding: what Publish does for a tenant with so many endpoints.
func BenchmarkFilters(b *testing.B) {
	e := engine(b)
	filters := make([]webhook.Filter, 10_000)
	for i := range filters {
		var err error
		if filters[i], err = e.Filter(fmt.Sprintf(`data.total > %d && data.customer.tier == "tier %d"`, i%5000, i)); err != nil {
			b.Fatal(err)
		}
	}
	ev := event(`{"total":4200,"customer":{"id":"c_1","tier":"gold"},"text":"` + strings.Repeat("x", 900) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		d := e.Decode(ev)
		for _, f := range filters {
			if _, err := f.Match(b.Context(), d); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkTransform(b *testing.B) {
	e := engine(b)
	tr, err := e.Transform(`{"id": data.id, "total": data.total, "customer": data.customer, "lines": data.lines.map(l, {"sku": l.sku, "n": l.n})}`)
	if err != nil {
		b.Fatal(err)
	}
	ev := event(invoice[:len(invoice)-1] + `,"text":"` + strings.Repeat("x", 700) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Apply(b.Context(), e.Decode(ev)); err != nil {
			b.Fatal(err)
		}
	}
}
