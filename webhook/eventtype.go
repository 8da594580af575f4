package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postrider/postrider/webhook/pointer"
)

// EventType is what is known of events of one name: what they are about, how their
// payloads look and how they are delivered. Types belong to the host, not to a tenant.
type EventType struct {
	// Name is the type of the events, such as "invoice.paid".
	Name string
	// Group is where people look for it, such as "Billing". At most 64 bytes.
	Group string
	// Description says what has happened when such an event comes. At most 2 KiB.
	Description string
	// Owner says who changes it.
	Owner TypeOwner
	// Deprecated says that nobody should begin to use it, and DeprecatedFor what to
	// use in its place; at most 256 bytes. Events of it are still published.
	Deprecated    bool
	DeprecatedFor string
	// Archived says that no event of it is published any more.
	Archived bool
	// Defaults apply to its events where neither they nor their endpoints say
	// otherwise.
	Defaults TypeDefaults
	// Redact are JSON pointers to what people do not get to see of its payloads, in
	// the log, the console and exports. It is delivered as it is. At most 32 of at
	// most 256 bytes.
	Redact []string
	// Validation says what becomes of payloads that its schema refuses.
	// Defaults to ValidationStrict.
	Validation Validation
	// Schemas are the versions of its JSON Schema, oldest first; the last one is
	// that which payloads are checked by. None means that any payload will do. At most
	// 100, of 1 MiB together.
	Schemas []SchemaVersion
	// Example is a payload as it may come, or empty. It matches the last schema.
	Example json.RawMessage
	// Version counts the changes, from 1; 0 is a type that is not stored. The store
	// sets it, Revision, CreatedAt and UpdatedAt.
	Version int64
	// Revision orders the changes of all types.
	Revision             int64
	CreatedAt, UpdatedAt time.Time
}

// SchemaVersion is a version of the schema of an event type.
type SchemaVersion struct {
	// Number counts from 1.
	Number int
	// Schema is a JSON Schema of draft 2020-12.
	Schema json.RawMessage
	// CreatedAt is when it was registered.
	CreatedAt time.Time
}

// TypeOwner says who changes an event type.
type TypeOwner string

const (
	// OwnerCode is that of types in the host's code: every process that starts brings
	// the store up to date. They cannot be changed in another way.
	OwnerCode TypeOwner = "code"
	// OwnerAPI is that of types that people change.
	OwnerAPI TypeOwner = "api"
)

// Validation says what becomes of payloads that a schema refuses.
type Validation string

const (
	// ValidationStrict refuses to publish them, with all that is wrong.
	ValidationStrict Validation = "strict"
	// ValidationWarn publishes, logs and counts them.
	ValidationWarn Validation = "warn"
)

// UnknownTypes says what becomes of events whose type is not registered.
type UnknownTypes string

const (
	// UnknownPass publishes them like any other.
	UnknownPass UnknownTypes = "pass"
	// UnknownReject refuses them, code event_type_unknown.
	UnknownReject UnknownTypes = "reject"
)

// Limits of an event type's parts, in bytes unless they count.
const (
	MaxGroupLen            = 64
	MaxTypeDescriptionLen  = 2 << 10
	MaxDeprecatedForLen    = 256
	MaxRedactions          = 32
	MaxRedactionLen        = 256
	MaxSchemaVersions      = 100
	MaxSchemaVersionsBytes = 1 << 20
	// MaxExampleLen is the largest payload there is by default.
	MaxExampleLen = 256 << 10
)

// Schema returns the schema that payloads are checked by, or nil if there is none.
func (t EventType) Schema() json.RawMessage {
	if len(t.Schemas) == 0 {
		return nil
	}
	return t.Schemas[len(t.Schemas)-1].Schema
}

// WithSchema returns the type with one more version of its schema, which is the last
// one from then on, unless the last one has the same text.
func (t EventType) WithSchema(schema json.RawMessage, at time.Time) EventType {
	if n := len(t.Schemas); n > 0 && bytes.Equal(compact(t.Schemas[n-1].Schema), compact(schema)) {
		return t
	}
	next := SchemaVersion{Number: 1, Schema: compact(schema), CreatedAt: at}
	if n := len(t.Schemas); n > 0 {
		next.Number = t.Schemas[n-1].Number + 1
	}
	t.Schemas = append(slices.Clip(t.Schemas), next)
	return t
}

// KnowsSchema reports whether a schema is one of the type's versions.
func (t EventType) KnowsSchema(schema json.RawMessage) bool {
	text := compact(schema)
	return slices.ContainsFunc(t.Schemas, func(v SchemaVersion) bool { return bytes.Equal(compact(v.Schema), text) })
}

// compact returns JSON without white space between its parts.
func compact(text json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return text
	}
	return b.Bytes()
}

// Validate returns nil, or an *InvalidError that names every field at fault. Whether
// schemas are some, and the example matches, is for package schema to say.
func (t EventType) Validate() error {
	var inv InvalidError
	if !ValidEventType(t.Name) {
		inv.Add("name", CodeEventTypeInvalid, "Event type must be dotted names of letters, digits, _ and -, at most 128 bytes.")
	} else if Reserved(t.Name) {
		inv.Add("name", CodeEventTypeReserved, "Event types under \"webhook.\" are reserved.")
	}
	inv.text("group", t.Group, MaxGroupLen)
	inv.prose("description", t.Description, MaxTypeDescriptionLen)
	inv.text("deprecated_for", t.DeprecatedFor, MaxDeprecatedForLen)
	if t.Validation != "" && t.Validation != ValidationStrict && t.Validation != ValidationWarn {
		inv.Add("validation", CodeInvalidField, "Must be strict or warn.")
	}
	if t.Owner != "" && t.Owner != OwnerCode && t.Owner != OwnerAPI {
		inv.Add("owner", CodeInvalidField, "Must be code or api.")
	}
	if err, ok := t.Defaults.Validate().(*InvalidError); ok {
		for _, f := range err.Fields {
			inv.Add("defaults."+f.Field, f.Code, f.Message)
		}
	}
	t.validateRedact(&inv)
	t.validateTexts(&inv)
	return inv.Err()
}

func (t EventType) validateRedact(inv *InvalidError) {
	if len(t.Redact) > MaxRedactions {
		inv.Add("redact", CodeInvalidField, fmt.Sprintf("Must be at most %d pointers.", MaxRedactions))
	}
	for i, p := range t.Redact {
		field := "redact[" + strconv.Itoa(i) + "]"
		inv.text(field, p, MaxRedactionLen)
		if _, err := pointer.Parse(p); err != nil {
			inv.Add(field, CodeInvalidField, "Must be a JSON pointer, such as /customer/email.")
		}
	}
}

func (t EventType) validateTexts(inv *InvalidError) {
	total := 0
	for i := range t.Schemas {
		total += len(t.Schemas[i].Schema)
	}
	if len(t.Schemas) > MaxSchemaVersions || total > MaxSchemaVersionsBytes {
		inv.Add("schema", CodeSchemaInvalid, "There are too many versions of the schema; register another event type.")
	}
	switch {
	case len(t.Example) == 0:
	case len(t.Example) > MaxExampleLen:
		inv.Add("example", CodePayloadTooLarge, fmt.Sprintf("Must be at most %d bytes.", MaxExampleLen))
	default:
		if msg := checkPayload(t.Example); msg != "" {
			inv.Add("example", CodePayloadInvalid, msg)
		}
	}
}

// Clone returns a copy that shares nothing with t.
func (t EventType) Clone() EventType {
	t.Defaults.Retry.Schedule = slices.Clone(t.Defaults.Retry.Schedule)
	t.Redact = slices.Clone(t.Redact)
	t.Schemas = slices.Clone(t.Schemas)
	for i := range t.Schemas {
		t.Schemas[i].Schema = bytes.Clone(t.Schemas[i].Schema)
	}
	t.Example = bytes.Clone(t.Example)
	return t
}
