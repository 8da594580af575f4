// Package catalog has a host's event types in code: each with its schema and an
// example, made from a Go struct.
//
//	types := catalog.New()
//	err := catalog.Register(types, webhook.EventType{Name: "invoice.paid", Group: "Billing"}, InvoicePaid{ID: "inv_1", Total: 4200})
//	d, err := dispatcher.New(st, dispatcher.Config{EventTypes: types.Types()})
//
// The code is the source: New of package dispatcher brings the store up to date, from
// which other processes, the API and the console know the types. Events of these types
// are then checked by their schemas when they are published.
//
// Structs have the tags of encoding/json and of github.com/invopop/jsonschema: a
// field without omitempty is required, jsonschema_description describes it, and jsonschema
// has its format and its limits. Properties that are not described are allowed, so that
// an event can get one more without breaking its receivers.
//
// Package telecom has types that are ready to use, and AsyncAPI writes a document about
// all types for tools that read that.
package catalog
