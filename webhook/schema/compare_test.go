package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// change is a change of a schema with the verdict about it. Where it breaks, there is a
// document that only the newer version allows, if documents can tell.
type change struct {
	what, older, newer string
	want               string // the change as text; "" for none
	breaks             bool
	document           string
}

// inObject puts schemas of a property where they belong.
func inObject(property string) string {
	return `{"type":"object","properties":{"v":` + property + `},"required":["v"]}`
}

var changes = []change{
	{"nothing", `{"type":"object"}`, `{"type":"object"}`, "", false, ""},
	{"another description", `{"description":"a"}`, `{"description":"b","title":"t","examples":[1]}`, "", false, ""},
	{
		"a new optional property", `{"properties":{"a":{}}}`, `{"properties":{"a":{},"b":{"type":"string"}}}`,
		"/b: Is new.", false, "",
	},
	{
		"a new property where none was to come", `{"properties":{"a":{}},"additionalProperties":false}`,
		`{"properties":{"a":{},"b":{}},"additionalProperties":false}`, "/b: Is new, where no other property was to come.", true, `{"b":1}`,
	},
	{
		"a property that is gone", `{"properties":{"a":{},"b":{}},"required":["b"]}`, `{"properties":{"a":{}}}`,
		"/b: Is not described any more, and may not come.", true, `{"a":1}`,
	},
	{
		"a required property that is optional", `{"properties":{"a":{}},"required":["a"]}`, `{"properties":{"a":{}}}`,
		"/a: May be missing now.", true, `{}`,
	},
	{
		"an optional property that is required", `{"properties":{"a":{}}}`, `{"properties":{"a":{}},"required":["a"]}`,
		"/a: Is always there now.", false, "",
	},
	{
		"another type", inObject(`{"type":"string"}`), inObject(`{"type":"integer"}`),
		"/v: Is integer now; it was string.", true, `{"v":1}`,
	},
	{
		"null as well", inObject(`{"type":"string"}`), inObject(`{"type":["string","null"]}`),
		"/v: May be null now.", true, `{"v":null}`,
	},
	{
		"no null any more", inObject(`{"type":["string","null"]}`), inObject(`{"type":"string"}`),
		"/v: Is string in all cases now.", false, "",
	},
	{
		"fractions", inObject(`{"type":"integer"}`), inObject(`{"type":"number"}`),
		"/v: Is number now; it was integer.", true, `{"v":1.5}`,
	},
	{
		"no fractions any more", inObject(`{"type":"number"}`), inObject(`{"type":"integer"}`),
		"/v: Is integer in all cases now.", false, "",
	},
	{"any type", inObject(`{"type":"string"}`), inObject(`{}`), "/v: May be of any type now.", true, `{"v":[]}`},
	{
		"one more value", inObject(`{"enum":["a","b"]}`), inObject(`{"enum":["a","b","c"]}`),
		`/v: May be "c" now.`, true, `{"v":"c"}`,
	},
	{
		"one value less", inObject(`{"enum":["a","b"]}`), inObject(`{"const":"a"}`),
		`/v: Is never "b" any more.`, false, "",
	},
	{
		"no list of values", inObject(`{"enum":["a"]}`), inObject(`{}`),
		"/v: May have values now that were not on the list.", true, `{"v":"b"}`,
	},
	{"a list of values", inObject(`{}`), inObject(`{"enum":[1]}`), "/v: Has one of a list of values now.", false, ""},
	{
		"a larger maximum", inObject(`{"maximum":10}`), inObject(`{"maximum":20}`),
		"/v: The upper limit of numbers goes from 10 to 20 (maximum).", true, `{"v":11}`,
	},
	{
		"a smaller maximum", inObject(`{"exclusiveMaximum":10}`), inObject(`{"exclusiveMaximum":9.5}`),
		"/v: The upper limit of numbers is stricter: 9.5 (exclusiveMaximum).", false, "",
	},
	{
		"a smaller minimum", inObject(`{"minimum":1}`), inObject(`{"minimum":0}`),
		"/v: The lower limit of numbers goes from 1 to 0 (minimum).", true, `{"v":0}`,
	},
	{
		"longer texts", inObject(`{"maxLength":2}`), inObject(`{}`),
		"/v: Has no upper limit of length any more (maxLength).", true, `{"v":"abc"}`,
	},
	{
		"shorter texts at most", inObject(`{}`), inObject(`{"maxLength":2}`),
		"/v: Has an upper limit of length now: 2 (maxLength).", false, "",
	},
	{
		"empty lists", inObject(`{"minItems":1}`), inObject(`{"minItems":0}`),
		"/v: The lower limit of number of elements goes from 1 to 0 (minItems).", true, `{"v":[]}`,
	},
	{
		"parts of a unit", inObject(`{"multipleOf":10}`), inObject(`{"multipleOf":5}`),
		"/v: May be a number in between now (multipleOf).", true, `{"v":15}`,
	},
	{"larger units", inObject(`{"multipleOf":5}`), inObject(`{"multipleOf":10}`), "/v: Is a multiple of 10 now.", false, ""},
	{
		"another pattern", inObject(`{"pattern":"^a"}`), inObject(`{"pattern":"^b"}`),
		"/v: Has another pattern now.", true, `{"v":"b"}`,
	},
	{"a pattern", inObject(`{}`), inObject(`{"pattern":"^b"}`), "/v: Has a pattern now.", false, ""},
	{
		"no format", inObject(`{"format":"email"}`), inObject(`{}`),
		"/v: Has no format any more.", true, `{"v":"x"}`,
	},
	{
		"elements of another type", inObject(`{"items":{"type":"string"}}`), inObject(`{"items":{"type":"number"}}`),
		"/v/*: Is number now; it was string.", true, `{"v":[1]}`,
	},
	{
		"elements without description", inObject(`{"items":{"type":"string"}}`), inObject(`{}`),
		"/v/*: May be of any type now.", true, `{"v":[1]}`,
	},
	{
		"another first element", `{"prefixItems":[{"type":"string"}]}`, `{"prefixItems":[{"type":"null"}]}`,
		"/0: Is null now; it was string.", true, `[null]`,
	},
	{
		"the same element twice", inObject(`{"uniqueItems":true}`), inObject(`{}`),
		"/v: May have the same element twice now.", true, `{"v":[1,1]}`,
	},
	{
		"properties that are not described", `{"additionalProperties":false}`, `{}`,
		"May have properties now that are not described.", true, `{"x":1}`,
	},
	{
		"no properties that are not described", `{}`, `{"additionalProperties":false}`,
		"Has no properties any more that are not described.", false, "",
	},
	{
		"wider values of a map", `{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":["string","number"]}}`,
		"/*: May be number now.", true, `{"x":1}`,
	},
	{
		"one more alternative", `{"anyOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`,
		"Has 1 alternatives that are new or wider (anyOf).", true, `null`,
	},
	{
		"one alternative less", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"null"}]}`,
		"Has fewer or narrower alternatives (oneOf).", false, "",
	},
	{
		"a condition that is gone", `{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{"allOf":[{"required":["b"]}]}`,
		"1 of its conditions are gone or wider (allOf).", true, `{"b":1}`,
	},
	{
		"a condition", `{}`, `{"if":{"required":["a"]},"then":{"required":["b"]}}`,
		"Has one more condition (if).\nHas one more condition (then).", false, "",
	},
	{
		"another exclusion", `{"not":{"type":"string"}}`, `{"not":{"type":"number"}}`,
		"Has changed in a way that cannot be judged (not).", true, `"a"`,
	},
	{
		"behind a reference", `{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}`,
		`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"null"}}}`,
		"/a: Is null now; it was string.", true, `{"a":null}`,
	},
	{
		"a reference in place of what it leads to", `{"properties":{"a":{"type":"string"}}}`,
		`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}`, "", false, "",
	},
	{
		"behind a reference that is compared as a whole", `{"contains":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"string"}}}`,
		`{"contains":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"null"}}}`,
		"Has changed in a way that cannot be judged (contains).", true, `[null]`,
	},
	{
		"deep inside what refers to itself", `{"properties":{"next":{"$ref":"#"},"v":{"maximum":1}}}`,
		`{"properties":{"next":{"$ref":"#"},"v":{"maximum":2}}}`,
		"/next/v: The upper limit of numbers goes from 1 to 2 (maximum).\n/v: The upper limit of numbers goes from 1 to 2 (maximum).", true, `{"next":{"v":2}}`,
	},
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		got, err := schema.Compare([]byte(c.older), []byte(c.newer))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var texts []string
		for _, g := range got {
			texts = append(texts, g.String())
		}
		if text := strings.Join(texts, "\n"); text != c.want {
			t.Errorf("%s: changes %q; want %q", c.what, text, c.want)
		}
		if breaks := len(schema.Breaking(got)) > 0; breaks != c.breaks {
			t.Errorf("%s: breaks %v; want %v (%v)", c.what, breaks, c.breaks, got)
		}
		if c.document != "" && (!valid(t, c.newer, c.document) || valid(t, c.older, c.document)) {
			t.Errorf("%s: the document %s does not show that it breaks", c.what, c.document)
		}
	}
	if len(changes) < 25 {
		t.Errorf("%d changes; want 25 at least", len(changes))
	}
}

func valid(t *testing.T, text, doc string) bool {
	t.Helper()
	return compile(t, text).Validate([]byte(doc)) == nil
}

func compile(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile([]byte(text))
	if err != nil {
		t.Fatalf("Compile(%.200s): %v", text, err)
	}
	return s
}

func TestCompareRefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for _, texts := range [][2]string{{`{}`, `{"type":1}`}, {`[]`, `{}`}} {
		if _, err := schema.Compare([]byte(texts[0]), []byte(texts[1])); !errors.Is(err, webhook.ErrInvalid) {
			t.Errorf("Compare(%s, %s) = %v; want an *InvalidError", texts[0], texts[1], err)
		}
	}
}

// TestCompareIsBounded compares schemas whose references make 2^20 pairs.
func TestCompareIsBounded(t *testing.T) {
	t.Parallel()
	text := func(leaf string) []byte {
		var defs []string
		for i := range 20 {
			defs = append(defs, fmt.Sprintf(`"d%d":{"properties":{"a":{"$ref":"#/$defs/d%d"},"b":{"$ref":"#/$defs/d%d"}}}`, i, i+1, i+1))
		}
		return []byte(`{"$ref":"#/$defs/d0","$defs":{` + strings.Join(defs, ",") + `,"d20":` + leaf + `}}`)
	}
	got, err := schema.Compare(text(`{"type":"string"}`), text(`{"type":"null"}`))
	if err != nil || len(schema.Breaking(got)) == 0 {
		t.Errorf("Compare of schemas with many references = %d changes, %v; want that it breaks", len(got), err)
	}
}
