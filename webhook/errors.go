package webhook

import (
	"errors"
	"strings"
)

// ErrInvalid is matched by every *InvalidError, for callers that need no
// details: errors.Is(err, webhook.ErrInvalid).
var ErrInvalid = errors.New("invalid input")

// ErrIdempotencyConflict is returned by Publish when the idempotency key was
// used, within its 24 hours, for an event with other content.
var ErrIdempotencyConflict = errors.New("idempotency key was used with a different event")

// The codes of field errors. They are stable; messages may change.
const (
	CodeInvalidField      = "invalid_field"
	CodeEventTypeInvalid  = "event_type_invalid"
	CodeEventTypeReserved = "event_type_reserved"
	CodePayloadInvalid    = "payload_invalid"
	CodePayloadTooLarge   = "payload_too_large"
	CodeEventTypeUnknown  = "event_type_unknown"
	CodeEventTypeArchived = "event_type_archived"
	CodeSchemaInvalid     = "schema_invalid"
	CodeURLInvalid        = "url_invalid"
	CodeURLNotAllowed     = "url_not_allowed"
	CodeHeaderNotAllowed  = "header_not_allowed"
	CodeSecretInvalid     = "secret_invalid"
	CodeInvalidCursor     = "invalid_cursor"
	CodeFilterInvalid     = "filter_invalid"
	CodeFilterTooCostly   = "filter_too_costly"
	CodeTransformInvalid  = "transform_invalid"
	CodeTransformCostly   = "transform_too_costly"
)

// FieldError says what is wrong with one field. Field is the field's JSON
// name. Message is a sentence for people and never repeats the input.
type FieldError struct {
	Field, Code, Message string
}

// InvalidError is returned when input breaks a rule. Nothing was stored.
type InvalidError struct {
	Fields []FieldError
}

// Error joins the fields' messages.
func (e *InvalidError) Error() string {
	var b strings.Builder
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Field + ": " + f.Message)
	}
	return b.String()
}

// Is makes every InvalidError match ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Add records one more field at fault.
func (e *InvalidError) Add(field, code, message string) {
	e.Fields = append(e.Fields, FieldError{Field: field, Code: code, Message: message})
}

// Err returns e, or nil if no field is at fault.
func (e *InvalidError) Err() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// Invalid returns an *InvalidError about a single field.
func Invalid(field, code, message string) error {
	return &InvalidError{Fields: []FieldError{{Field: field, Code: code, Message: message}}}
}
