package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

const invoice = `{
	"type": "object",
	"properties": {
		"id": {"type": "string", "minLength": 1, "maxLength": 5},
		"total": {"type": "integer", "minimum": 1, "exclusiveMaximum": 4.5},
		"currency": {"enum": ["EUR", "USD", null]},
		"email": {"type": "string", "format": "email"},
		"paid_at": {"type": ["string", "null"], "format": "date-time"},
		"lines": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true,
			"items": {"type": "object", "required": ["sku"], "properties": {"sku": {"pattern": "^[A-Z]+$"}}, "additionalProperties": false}},
		"kind": {"anyOf": [{"const": "a"}, {"type": "number"}]}
	},
	"required": ["id", "total"]
}`

func TestValidateTellsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	s := compile(t, invoice)
	for doc, want := range map[string][]schema.Violation{
		`{"id":"a","total":1,"paid_at":"2026-03-01T12:00:00Z","lines":[{"sku":"A"}],"kind":2}`: nil,
		`{"id":"a","total":1.0,"extra":true,"paid_at":null}`:                                   nil,
		`[]`:      {{Pointer: "", Message: "Must be of type object."}},
		`{`:       {{Pointer: "", Message: "Must be JSON."}},
		`{} {}`:   {{Pointer: "", Message: "Must be JSON."}},
		`{"a":1}`: {{Pointer: "/id", Message: "Is required."}, {Pointer: "/total", Message: "Is required."}},
		`{"id":"","total":0}`: {
			{Pointer: "/id", Message: "Must have at least 1 characters."}, {Pointer: "/total", Message: "Must be at least 1."},
		},
		`{"id":"toolong","total":5,"currency":"XXX","email":"no","paid_at":"today","kind":"b"}`: {
			{Pointer: "/currency", Message: "Must be one of EUR, USD, null."},
			{Pointer: "/email", Message: "Must have the format email."},
			{Pointer: "/id", Message: "Must have at most 5 characters."},
			{Pointer: "/kind", Message: "Must match one of the schema's alternatives at least."},
			{Pointer: "/paid_at", Message: "Must have the format date-time."},
			{Pointer: "/total", Message: "Must be less than 4.5."},
		},
		`{"id":"a","total":1,"lines":[{"sku":"a","x/y":1},{},{}]}`: {
			{Pointer: "/lines", Message: "Elements must differ from each other."},
			{Pointer: "/lines", Message: "Must have at most 2 elements."},
			{Pointer: "/lines/0/sku", Message: "Must match the schema's pattern."},
			{Pointer: "/lines/0/x~1y", Message: "Is not a property that the schema knows."},
			{Pointer: "/lines/1/sku", Message: "Is required."},
			{Pointer: "/lines/2/sku", Message: "Is required."},
		},
	} {
		if diff := cmp.Diff(want, s.Validate([]byte(doc))); diff != "" {
			t.Errorf("Validate(%s) (-want +got):\n%s", doc, diff)
		}
	}
}

func TestInvalidNamesTheField(t *testing.T) {
	t.Parallel()
	err := schema.Invalid(compile(t, invoice).Validate([]byte(`{"id":1}`)))
	var inv *webhook.InvalidError
	want := []webhook.FieldError{
		{Field: "data/id", Code: webhook.CodePayloadInvalid, Message: "Must be of type string."},
		{Field: "data/total", Code: webhook.CodePayloadInvalid, Message: "Is required."},
	}
	if !errors.As(err, &inv) || !cmp.Equal(inv.Fields, want) {
		t.Errorf("Invalid = %v; want %v", err, want)
	}
	if err := schema.Invalid(nil); err != nil {
		t.Errorf("Invalid of nothing = %v; want nil", err)
	}
}

// TestMessagesRepeatNothing gives documents that would like to be repeated.
func TestMessagesRepeatNothing(t *testing.T) {
	t.Parallel()
	const canary = "<script>canary</script>"
	long := strings.Repeat("n", 500)
	s := compile(t, `{"additionalProperties":false,"properties":{"a":{"enum":["x"]},"b":{"additionalProperties":{"type":"null"}}},"propertyNames":{"maxLength":90}}`)
	for _, doc := range []string{`{"a":%q}`, `{%q:1}`, `{"b":{%q:1}}`} {
		for _, text := range []string{canary, long} {
			found := s.Validate(fmt.Appendf(nil, doc, text))
			if len(found) == 0 {
				t.Errorf("Validate(%s) finds nothing", doc)
			}
			for _, v := range found {
				if strings.Contains(v.Pointer+v.Message, "canary") || len(v.Pointer)+len(v.Message) > 200 {
					t.Errorf("Validate(%s) = %v; want nothing of the document", doc, v)
				}
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"not":`, schema.MaxDepth) + `{}` + strings.Repeat(`}`, schema.MaxDepth)
	chain := `{"$ref":"#/$defs/d0","$defs":{`
	for i := range 100 {
		chain += fmt.Sprintf(`"d%d":{"$ref":"#/$defs/d%d"},`, i, i+1)
	}
	chain += `"d100":{}}}`
	for what, text := range map[string]string{
		"no JSON":                  `{"type":`,
		"two values":               `{} {}`,
		"an array":                 `[]`,
		"a type that is none":      `{"type":"text"}`,
		"what is too large":        `{"description":"` + strings.Repeat("a", schema.MaxSize) + `"}`,
		"what is too deep":         deep,
		"another draft":            `{"$schema":"http://json-schema.org/draft-07/schema#"}`,
		"a draft of its own":       `{"$schema":"https://example.com/schema"}`,
		"a file":                   `{"$ref":"file:///etc/passwd"}`,
		"a path":                   `{"$ref":"/etc/passwd"}`,
		"the network":              `{"properties":{"a":{"$ref":"https://example.com/schema.json"}}}`,
		"nothing in itself":        `{"$ref":"#/$defs/none"}`,
		"itself":                   `{"$ref":"#"}`,
		"itself through others":    `{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"if":{"$ref":"#/$defs/a"}}}}`,
		"a long chain":             chain,
		"look-ahead":               `{"pattern":"(?=a)"}`,
		"a huge pattern":           `{"pattern":"(((a{30}){30}){30})"}`,
		"many large patterns":      `{"allOf":[` + strings.Repeat(`{"pattern":"(a{30}){30}"},`, 100) + `{}]}`,
		"a large pattern of names": `{"patternProperties":{"((a{50}){50})":{}}}`,
	} {
		_, err := schema.Compile([]byte(text))
		var inv *webhook.InvalidError
		if !errors.As(err, &inv) || inv.Fields[0].Code != webhook.CodeSchemaInvalid || !strings.HasPrefix(inv.Fields[0].Field, "schema") {
			t.Errorf("Compile of %s = %v; want an *InvalidError about the field schema", what, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("Compile of %s: the error has %d bytes", what, len(err.Error()))
		}
	}
}

// TestHostileIsBounded has schemas and documents that would take very long. None of the
// cases needs a clock: those that are too costly are refused.
func TestHostileIsBounded(t *testing.T) {
	t.Parallel()
	const tooCostly = "Too costly to check."
	doubling := func(keyword, leaf string) string {
		text := `{"$ref":"#/$defs/d0","$defs":{`
		for i := range 30 {
			text += fmt.Sprintf(`"d%d":{%q:[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, keyword, i+1, i+1)
		}
		return text + `"d30":` + leaf + `}}`
	}
	const twice = `{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["b"]},{"properties":{"a":{"$ref":"#"}},"required":["c"]}]}`
	nested := strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200)
	for _, tt := range []struct{ what, schema, doc, want string }{
		{"2^30 alternatives", doubling("anyOf", `{"type":"null"}`), `1`, tooCostly},
		{"2^30 conditions", doubling("allOf", `{"minimum":0}`), `1`, tooCostly},
		{"2^30 alternatives of which one holds", doubling("oneOf", `{"type":"null"}`), `{}`, tooCostly},
		{"alternatives at every level", twice, nested, tooCostly},
		{"a pattern that takes long", `{"pattern":"([a-z]{20}[b-y]{20}){40}x"}`, `"` + strings.Repeat("b", 200_000) + `"`, tooCostly},
		{"many names to match", `{"patternProperties":{"(a.{90}){9}z":{},"(b.{90}){9}z":{}}}`, names(20_000), tooCostly},
		{"a number of a million digits", `{"minimum":1}`, `1e1000000`, "Must be a number within the range of a double, of at most 1,000 characters."},
		{"a long number", `{"type":"integer"}`, strings.Repeat("1", 100_000), "Must be a number within the range of a double, of at most 1,000 characters."},
		{"a tiny number", `{"multipleOf":0.1}`, `1e-1000000`, "Must be a number within the range of a double, of at most 1,000 characters."},
		{"a pattern as a value", `{"format":"regex"}`, `"((((a{9}){9}){9}){9})"`, "Must have the format regex."},
	} {
		s, err := schema.Compile([]byte(tt.schema))
		if err != nil {
			t.Errorf("%s: Compile: %v", tt.what, err)
			continue
		}
		if got := s.Validate([]byte(tt.doc)); len(got) != 1 || got[0].Message != tt.want {
			t.Errorf("%s: %v; want %q", tt.what, got, tt.want)
		}
		if got := s.Validate([]byte(`null`)); len(got) == 1 && got[0].Message == "Cannot be checked." {
			t.Errorf("%s: no other document can be checked after it", tt.what)
		}
	}
}

// names returns an object with n names.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",%q:0", strings.Repeat("ab", 40)+fmt.Sprint(i))
	}
	return "{" + b.String()[1:] + "}"
}

// TestLargeDocumentsAreNotTooCostly has the largest payload there is by default, of many small
// values in a schema that looks at each in several ways.
func TestLargeDocumentsAreNotTooCostly(t *testing.T) {
	t.Parallel()
	s := compile(t, `{"type":"array","items":{"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":0},"b":{"enum":["x","y"]}},"required":["a"]},{"maxProperties":3}]}}`)
	doc := "[" + strings.Repeat(`{"a":1,"b":"x"},`, 256<<10/16-1) + `{"a":1}]`
	if got := s.Validate([]byte(doc)); got != nil {
		t.Errorf("Validate of %d bytes = %v; want nothing wrong", len(doc), got)
	}
}

func TestConcurrentChecksDoNotMeet(t *testing.T) {
	t.Parallel()
	s := compile(t, invoice)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			doc, want := `{"id":"a","total":1}`, 0
			if i%2 == 1 {
				doc, want = `{"id":1}`, 2
			}
			for range 50 {
				if got := s.Validate([]byte(doc)); len(got) != want {
					t.Errorf("Validate(%s) beside others = %v; want %d violations", doc, got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestCacheCompilesOnce(t *testing.T) {
	t.Parallel()
	var c schema.Cache
	first, err := c.Compile([]byte(invoice))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Compile([]byte(invoice)); err != nil || again != first {
		t.Errorf("Compile again = another schema, %v; want the same", err)
	}
	if _, err := c.Compile([]byte(`{"type":1}`)); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("Compile of what is no schema = %v; want an *InvalidError", err)
	}
	for i := range 40 { // more than it keeps
		if _, err := c.Compile(fmt.Appendf(nil, `{"description":"%d%s"}`, i, strings.Repeat("x", schema.MaxSize-100))); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := c.Compile([]byte(invoice)); err != nil || again == first {
		t.Errorf("Compile after much else = the same schema, %v; want that it was given up: memory is bounded", err)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(invoice), []byte(`{"id":"a","total":1}`))
	for _, c := range changes {
		f.Add([]byte(c.older), []byte(c.document))
	}
	f.Fuzz(func(t *testing.T, text, doc []byte) {
		s, err := schema.Compile(text)
		if err != nil {
			return
		}
		s.Validate(doc)
		if got, err := schema.Compare(text, text); err != nil || len(got) != 0 && len(text) < 1000 {
			t.Errorf("Compare of %s with itself = %v, %v; want no change", text, got, err)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	s := compile(b, `{"type":"object","properties":{"id":{"type":"string"},"total":{"type":"integer"},"note":{"type":"string","maxLength":2000}},"required":["id","total"]}`)
	doc := []byte(`{"id":"inv_1","total":4200,"note":"` + strings.Repeat("x", 980) + `"}`)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if s.Validate(doc) != nil {
			b.Fatal("not valid")
		}
	}
}
