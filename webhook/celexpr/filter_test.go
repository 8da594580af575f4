package celexpr_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

func engine(t testing.TB) *celexpr.Engine {
	t.Helper()
	e, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func event(data string) *webhook.Event {
	return &webhook.Event{Type: "invoice.paid", Data: json.RawMessage(data), Metadata: map[string]string{"region": "eu"}}
}

const invoice = `{"id":"inv_1","total":4200,"rate":1.10,"big":18446744073709551615,"huge":1e400,"long":123456789012345678901234567890,
	"customer":{"tier":"gold","na\u006de":"J\u00e4ne"},"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"paid":true,"none":null,"twice":1,"twice":2}`

func TestFilter(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for text, want := range map[string]bool{
		`data.total > 100`: true,
		`data.total == 4200.0 && data.total in [1, 4200]`:                                         true,
		`data.customer.tier in ["silver", "gold"]`:                                                true,
		`data["customer"]["name"] == "Jäne"`:                                                      true,
		`data.lines.exists(l, l.sku == "b" && l.n == 2)`:                                          true,
		`data.lines[1].sku == "a"`:                                                                false,
		`data.lines.all(l, l.n > 1)`:                                                              false,
		`size(data.lines) == 2 && size(data.id) == 5`:                                             true,
		`data.lines.map(l, l.n) == [1, 2]`:                                                        true,
		`data.lines.filter(l, l.n > 1).size() == 1`:                                               true,
		`has(data.gone) && data.gone.tier == "gold"`:                                              false,
		`has(data.customer) && !has(data.customer.vat)`:                                           true,
		`"tier" in data.customer && !("vat" in data.customer)`:                                    true,
		`type == "invoice.paid" && type.startsWith("invoice.")`:                                   true,
		`metadata.region == "eu" && !("plan" in metadata)`:                                        true,
		`data.id.matches("^inv_[0-9]+$") && !data.id.matches("x")`:                                true,
		`data.big == 18446744073709551615u && data.big > data.total`:                              true,
		`data.none == null && data.paid`:                                                          true,
		`data.twice == 2`:                                                                         true,
		`data.customer == {"name": "Jäne", "tier": "gold"}`:                                       true,
		`{"name": "Jäne", "tier": "gold"} == data.customer`:                                       true,
		`data.id + "x" == "inv_1x" && [1] + [2] == [1, 2] && data.total + 1 == 4201`:              true,
		`timestamp("2026-03-01T12:00:00Z") + duration("1h") == timestamp("2026-03-01T13:00:00Z")`: true,
		// A member that is out of range is an error for those who look at it only.
		`data.total == 4200 || data.huge > 1.0`: true,
		// Numbers of more than 64 bits are doubles, which are equal if they are close.
		`data.long == 123456789012345678901234567891.0`: true,
		`data.paid`: true,
	} {
		f, err := e.Filter(text)
		if err != nil {
			t.Errorf("Filter(%s): %v", text, err)
			continue
		}
		if got, err := f.Match(t.Context(), e.Decode(event(invoice))); got != want || err != nil {
			t.Errorf("%s = %t, %v; want %t", text, got, err, want)
		}
	}
}

// What cannot be answered is an error, which repeats nothing of the event.
func TestFilterFails(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for _, text := range []string{
		`data.gone == 1`, `data.customer.tier > 1`, `data.huge > 1.0`, `data.lines[2].n == 1`, `data.id`, `data.total.x == 1`, `int(data.id) == 1`,
		`metadata.plan == "gold"`, `data.id.matches(data.id)`, `data != 1 && data.gone`, `data.total / 0 == 1`,
	} {
		f, err := e.Filter(text)
		if err != nil {
			t.Errorf("Filter(%s): %v", text, err)
			continue
		}
		got, err := f.Match(t.Context(), e.Decode(event(invoice)))
		if err == nil || got || errors.Is(err, webhook.ErrTooCostly) || strings.Contains(err.Error(), "inv_1") {
			t.Errorf("%s = %t, %v; want an error about the event that does not repeat it", text, got, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for _, tt := range []struct {
		text         string
		line, column int
	}{
		{`data.total >`, 1, 13},
		{"data.total > 1 &&\n\t\tcanary == 2", 2, 3},
		{`data.total > canary()`, 1, 20},
		{`1 + "canary" == 2`, 1, 3},
		{`bytes("canary") == data.x`, 1, 6},
		{`data.id.matches("(canary")`, 1, 0},
		{`data.id.matches("(canary{500}){2}")`, 1, 0},
		{`"canary"`, 0, 0},
		{`{"canary": true}`, 0, 0},
		{``, 1, 0},
		{strings.Repeat("[", 60) + strings.Repeat("]", 60) + " == data", 0, 0},
		{"data.x == '" + strings.Repeat("canary", 1000) + "'", 0, 0},
		{strings.Repeat("(", 60) + "data.x" + strings.Repeat(")", 60), 0, 0},
	} {
		_, err := e.Filter(tt.text)
		problem, ok := errors.AsType[*webhook.ExpressionError](err)
		switch {
		case !ok || problem.TooCostly:
			t.Errorf("Filter(%.60s) = %v; want an ExpressionError", tt.text, err)
		case problem.Line != tt.line && tt.line > 0 && tt.column > 0, tt.column > 0 && problem.Column != tt.column:
			t.Errorf("Filter(%.60s) = %v; want it at line %d, column %d", tt.text, err, tt.line, tt.column)
		case strings.Contains(err.Error(), "canary") || len(err.Error()) > 200:
			t.Errorf("Filter(%.60s) = %v; want 200 bytes at most, and nothing of the input", tt.text, err)
		}
	}
	if _, err := e.Transform(`metadata`); err == nil {
		t.Error("a transform sees metadata, which is never sent")
	}
}

func TestTransform(t *testing.T) {
	t.Parallel()
	e := engine(t)
	for text, want := range map[string]string{
		`data`: invoice,
		`{"id": data.id, "c": data.customer, "a": [type, 1, 2u, 1.5, true, null]}`: `{"a":["invoice.paid",1,2,1.5,true,null],"c":{"tier":"gold","na\u006de":"J\u00e4ne"},"id":"inv_1"}`,
		`data.lines.map(l, l.sku)`:                  `["a","b"]`,
		`{"all": data.lines}`:                       `{"all":[{"sku":"a","n":1},{"sku":"b","n":2}]}`,
		`data.customer.map(k, k)`:                   `["tier","name"]`,
		`{"b": 1, "a": 2, "c": 3}.map(k, k)`:        `["a","b","c"]`,
		`data.rate`:                                 `1.1`,
		`data.big`:                                  `18446744073709551615`,
		`[data.customer.name, "<\"\n\\>"]`:          `["Jäne","<\"\n\\>"]`,
		`timestamp("2026-03-01T12:00:00Z")`:         `"2026-03-01T12:00:00Z"`,
		`data.total > 1 ? {"x": data.total} : data`: `{"x":4200}`,
		`{}`:                       `{}`,
		`"x"`:                      `"x"`,
		`data.lines + [data.none]`: `[{"sku":"a","n":1},{"sku":"b","n":2},null]`,
	} {
		tr, err := e.Transform(text)
		if err != nil {
			t.Errorf("Transform(%s): %v", text, err)
			continue
		}
		for range 3 { // the same each time, whatever Go's maps do
			got, err := tr.Apply(t.Context(), e.Decode(event(invoice)))
			if string(got) != want || err != nil {
				t.Errorf("%s = %s, %v; want %s", text, got, err, want)
			}
		}
	}
	for _, text := range []string{`{1: 2}`, `b"x"`, `int`, `data.huge`, `data.gone`, `1.0 / 0.0`, `{"a": data.gone}`} {
		tr, err := e.Transform(text)
		if err != nil {
			t.Errorf("Transform(%s): %v", text, err)
			continue
		}
		if got, err := tr.Apply(t.Context(), e.Decode(event(invoice))); err == nil {
			t.Errorf("%s = %s; want an error", text, got)
		}
	}
}
