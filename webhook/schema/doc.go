// Package schema checks JSON against JSON Schema (draft 2020-12), and says what a new
// version of a schema breaks for those who receive what it describes.
//
//	s, err := schema.Compile(text)        // *webhook.InvalidError: what is wrong with it
//	for _, v := range s.Validate(doc) {   // all that is wrong, each with its place
//		fmt.Println(v.Pointer, v.Message)
//	}
//
// # Closed
//
// A schema is read from its text alone. Nothing is loaded from files or from the
// network: a "$ref" leads into the same text, or to the meta-schemas of JSON Schema.
// "format" is checked, unlike what the draft does by default: who writes that a text is
// an address wants it to be one.
//
// # Bounded
//
// Schemas come from people who may mean no good, and so do documents. A schema has at
// most MaxSize bytes, MaxDepth levels and patterns of a bounded size, and may not refer to
// itself without going a level deeper into the document. Checking a document takes a
// bounded number of steps: 100,000 and 4 for each of its bytes. A step is a schema applied to a
// value, an element gone through, or 32 states of a pattern tried at a byte. A document that would take more is
// refused as too costly, whatever it is; no clock is involved, so it is the same
// everywhere. Patterns are those of package regexp, which takes linear time.
//
// # One difference to the standard
//
// Numbers outside the range of a double, or of over 1,000 characters, match no schema:
// comparing them exactly would cost time that the length of the text does not bound.
package schema
