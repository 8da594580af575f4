package celexpr_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

// A host that wants filters and transforms sets dispatcher.Config.Expressions to the engine;
// this is what is then done with those of its endpoints.
func ExampleNew() {
	ctx := context.Background()
	engine, err := celexpr.New()
	if err != nil {
		log.Fatal(err)
	}
	filter, err := engine.Filter(`type.startsWith("invoice.") && data.total >= 1000`)
	if err != nil {
		log.Fatal(err)
	}
	transform, err := engine.Transform(`{"id": data.id, "skus": data.lines.map(l, l.sku)}`)
	if err != nil {
		log.Fatal(err)
	}

	ev := engine.Decode(&webhook.Event{Type: "invoice.paid", Data: []byte(`{"id":"inv_1","total":4200,"lines":[{"sku":"A"},{"sku":"B"}]}`)})
	matches, err := filter.Match(ctx, ev)
	fmt.Println(matches, err)
	data, err := transform.Apply(ctx, ev)
	fmt.Println(string(data), err)

	_, err = engine.Filter("data.total >") // what the author of a filter is told
	var wrong *webhook.ExpressionError
	if errors.As(err, &wrong) {
		fmt.Println("line", wrong.Line, "column", wrong.Column)
	}
	// Output:
	// true <nil>
	// {"id":"inv_1","skus":["A","B"]} <nil>
	// line 1 column 13
}
