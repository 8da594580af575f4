package catalog

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"

	"github.com/postrider/postrider/webhook/schema"
)

// SchemaOf returns the JSON Schema of what encoding/json makes of a T. The error says
// that it cannot encode one.
func SchemaOf[T any]() (text json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil { // the reflector's way to refuse a type
			text, err = nil, fmt.Errorf("schema of %T: %v", *new(T), r)
		}
	}()
	reflector := jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true, ExpandedStruct: true}
	if text, err = json.Marshal(reflector.Reflect(new(T))); err != nil {
		return nil, err
	}
	if _, err := schema.Compile(text); err == nil {
		return text, nil
	}
	// A struct that refers to itself needs a name in its own schema.
	reflector.ExpandedStruct = false
	return json.Marshal(reflector.Reflect(new(T)))
}
