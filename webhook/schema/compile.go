package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postrider/postrider/webhook"
)

// Bounds of a schema. The largest published schemas of single events are a tenth of
// that; a reader of the reference would give up long before.
const (
	// MaxSize is the most bytes that a schema may have.
	MaxSize = 64 << 10
	// MaxDepth is how deep a schema may be nested, like the bodies of the API.
	MaxDepth = 64
)

// Dialect is the only "$schema" there is, which is also the default.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// base is what relative references are relative to. Nothing is found there.
const base = "https://schema.invalid/event"

// Schema is a schema that was compiled. It is safe for concurrent use.
type Schema struct {
	doc any
	// idle has the checkers that nobody uses; made is how many there are. One does
	// one document at a time, since it counts the steps; there are as many as there
	// are processors, made when they are first needed.
	idle chan *checker
	made atomic.Int32
}

// Compile returns the schema of a text. The error is a *webhook.InvalidError about
// the field schema, with the place in the text where that is known.
func Compile(text []byte) (*Schema, error) {
	if len(text) > MaxSize {
		return nil, invalid("", fmt.Sprintf("Schema must be at most %d bytes.", MaxSize))
	}
	doc, err := decode(text)
	if err != nil {
		return nil, invalid("", "Schema must be JSON.")
	}
	if depth(doc) > MaxDepth {
		return nil, invalid("", fmt.Sprintf("Schema must be nested at most %d deep.", MaxDepth))
	}
	if d := dialectOf(doc); d != Dialect {
		return nil, invalid("/$schema", "Schema must be of draft 2020-12.")
	}
	s := &Schema{doc: doc, idle: make(chan *checker, max(runtime.GOMAXPROCS(0), 1))}
	first, err := newChecker(doc)
	if err != nil {
		return nil, err
	}
	s.made.Store(1)
	s.idle <- first
	return s, nil
}

func dialectOf(doc any) string {
	if m, ok := doc.(map[string]any); ok {
		if d, given := m["$schema"]; given {
			text, _ := d.(string)
			return strings.TrimSuffix(text, "#")
		}
	}
	return Dialect
}

// decode returns a JSON text with numbers as they are written.
func decode(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if dec.More() || len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
		return nil, errors.New("more than one value")
	}
	return doc, nil
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			deepest = max(deepest, depth(below))
		}
	case []any:
		for _, below := range v {
			deepest = max(deepest, depth(below))
		}
	default:
		return 0
	}
	return deepest + 1
}

// invalid returns the error about a place in a schema.
func invalid(pointer, message string) error {
	return webhook.Invalid("schema"+pointer, webhook.CodeSchemaInvalid, message)
}

// closed is the loader of schemas: there is nothing to load.
type closed struct{}

var errClosed = errors.New("closed")

func (closed) Load(string) (any, error) { return nil, errClosed }

// compile returns the library's form of a schema.
func compile(doc any, patterns jsonschema.RegexpEngine) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(closed{})
	c.UseRegexpEngine(patterns)
	c.AssertFormat()
	if err := c.AddResource(base, doc); err != nil {
		return nil, compileError(err)
	}
	sch, err := c.Compile(base)
	if err != nil {
		return nil, compileError(err)
	}
	return sch, nil
}

// maxFaults is how many things are said to be wrong with a schema.
const maxFaults = 10

// compileError says why a schema cannot be compiled, without repeating much of it.
func compileError(err error) error {
	var rules *jsonschema.SchemaValidationError
	if errors.As(err, &rules) {
		var broken *jsonschema.ValidationError
		if errors.As(rules.Err, &broken) {
			var inv webhook.InvalidError
			found := violations(broken)
			for _, v := range found[:min(len(found), maxFaults)] {
				inv.Add("schema"+v.Pointer, webhook.CodeSchemaInvalid, v.Message)
			}
			return inv.Err()
		}
	}
	var pattern *jsonschema.InvalidRegexError
	var load *jsonschema.LoadURLError
	switch {
	case errors.As(err, &load):
		return invalid("", "Schema must not refer to other documents: $ref leads into the same schema only.")
	case errors.As(err, &pattern):
		return invalid("", "Pattern must be a regular expression without look-around and back-references, and not large.")
	}
	return invalid("", "Schema has a reference that leads nowhere, or a keyword that cannot be used.")
}
