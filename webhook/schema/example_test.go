package schema_test

import (
	"fmt"
	"log"

	"github.com/postrider/postrider/webhook/schema"
)

// All that is wrong with a document, each with its place.
func ExampleCompile() {
	s, err := schema.Compile([]byte(`{
		"type": "object",
		"properties": {"id": {"type": "string"}, "total": {"type": "integer", "minimum": 1}},
		"required": ["id"]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range s.Validate([]byte(`{"total":0}`)) {
		fmt.Println(v.Pointer, v.Message)
	}
	// Output:
	// /id Is required.
	// /total Must be at least 1.
}

// What a new version of a schema changes for those who receive what it describes.
func ExampleCompare() {
	changes, err := schema.Compare(
		[]byte(`{"type":"object","properties":{"total":{"type":"integer"}},"required":["total"]}`),
		[]byte(`{"type":"object","properties":{"total":{"type":"integer"},"note":{"type":"string"}}}`),
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range changes {
		fmt.Println(c, "breaks:", c.Breaks)
	}
	// Output:
	// /note: Is new. breaks: false
	// /total: May be missing now. breaks: true
}
