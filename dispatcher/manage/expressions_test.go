package manage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

// What is wrong with a filter or a transform is said with its position when it is
// stored, and repeats nothing of it.
func TestExpressionsAreChecked(t *testing.T) {
	engine, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, dispatcher.Config{Expressions: engine})
	for _, tt := range []struct{ filter, transform, field, code, message string }{
		{"data.n >", "", "filter", webhook.CodeFilterInvalid, "Line 1, column 9: Is not a valid expression."},
		{"true &&\n  canary", "", "filter", webhook.CodeFilterInvalid, "Line 2, column 3: Has a name that is not known; there are type and data, and for filters metadata."},
		{"'canary'", "", "filter", webhook.CodeFilterInvalid, "Must be true or false."},
		{strings.Repeat("[1,2,3,4,5,6,7,8,9,10].all(x, ", 7) + "x > 0" + strings.Repeat(")", 7), "", "filter", webhook.CodeFilterTooCostly, "Would cost too much time or memory."},
		{"", "{'a': metadata}", "transform", webhook.CodeTransformInvalid, "Line 1, column 7: Has a name that is not known; there are type and data, and for filters metadata."},
		{"", strings.Repeat("[1,2,3,4,5,6,7,8,9,10].map(x, ", 7) + "x" + strings.Repeat(")", 7), "transform", webhook.CodeTransformCostly, "Would cost too much time or memory."},
	} {
		ep := newEndpoint()
		ep.Filter, ep.Transform = tt.filter, tt.transform
		_, _, err := w.CreateEndpoint(t.Context(), ep)
		got := fieldsOf(t, err)
		want := []webhook.FieldError{{Field: tt.field, Code: tt.code, Message: tt.message}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("CreateEndpoint with filter %.40q, transform %.40q (-want +got):\n%s", tt.filter, tt.transform, diff)
		}
	}
	ep := newEndpoint()
	ep.Filter, ep.Transform = "data.n > 1 &&\n\ttype != 'x'", "{'n': data.n}"
	if _, _, err := w.CreateEndpoint(t.Context(), ep); err != nil {
		t.Errorf("CreateEndpoint with a filter and a transform = %v", err)
	}
}

func fieldsOf(t *testing.T, err error) []webhook.FieldError {
	t.Helper()
	inv, ok := err.(*webhook.InvalidError)
	if !ok {
		t.Errorf("error = %v; want an InvalidError", err)
		return nil
	}
	return inv.Fields
}
