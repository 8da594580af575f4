package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Event is a fact that is published once. Its ID is the webhook-id header of
// every delivery, so that a receiver can recognise a repetition.
type Event struct {
	// ID is "evt_" and a ULID. Publish assigns it; leave it empty.
	ID string
	// Tenant is the host's key for who owns the event. "" is a tenant too.
	Tenant string
	// Type is a dotted name such as "invoice.paid", at most 128 bytes.
	Type string
	// Data is the payload: any JSON value in UTF-8. It is stored, signed and
	// sent byte for byte.
	Data json.RawMessage
	// Timestamp is when the fact happened, in the years 1 to 9999, which are
	// those that RFC 3339 can write. Defaults to the time of Publish.
	Timestamp time.Time
	// IdempotencyKey makes Publish repeatable: the same key with the same
	// content gives the first receipt again, for 24 hours. At most 255 bytes.
	// Defaults to none: each Publish is a new event.
	IdempotencyKey string
	// OrderingKey is what the event's order is kept within, at endpoints that
	// keep one. At most 255 bytes. Defaults to "", which is a key too.
	OrderingKey string
	// Source is the part of the host that publishes. At most 64 bytes.
	// Endpoints may subscribe to some sources only. Defaults to none.
	Source string
	// Channels are what the event belongs to, such as a project: endpoints with
	// channels of their own get it if they share one. At most 10 of 64 bytes.
	// Defaults to none.
	Channels []string
	// Priority says which deliveries of an endpoint go first. Defaults to the
	// endpoint's, and then to that of the event's type.
	Priority Priority
	// DeliverAt is when the first attempt is due: at most the retention of
	// payloads less 5 days ahead. Defaults to at once.
	DeliverAt time.Time
	// Subject is who or what the event is about, in the host's terms; erasure
	// and history look it up. At most 255 bytes. Defaults to none.
	Subject string
	// Metadata is for the host alone. It is stored beside the event and never
	// sent. At most 4 KiB in all. Defaults to none.
	Metadata map[string]string
	// Trace is where the event was published, in a distributed trace. Publish
	// assigns it by its context; leave it empty, unless that is in no trace and the
	// event comes from one, such as out of a queue. Defaults to none.
	Trace TraceContext
}

// NewEvent returns an event whose payload is data as JSON. A json.RawMessage
// (or []byte) is taken as it is, byte for byte; everything else goes through
// encoding/json without HTML escaping. The error is encoding/json's, or
// ErrInvalid with the field at fault.
func NewEvent(tenant, eventType string, data any) (Event, error) {
	raw, err := payload(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode event data: %w", err)
	}
	ev := Event{Tenant: tenant, Type: eventType, Data: raw}
	return ev, ev.Validate()
}

func payload(data any) (json.RawMessage, error) {
	switch d := data.(type) {
	case json.RawMessage:
		return d, nil
	case []byte:
		return d, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Limits of an event's parts, in bytes unless they count.
const (
	MaxEventTypeLen      = 128
	MaxIdempotencyKeyLen = 255
	MaxSubjectLen        = 255
	MaxOrderingKeyLen    = 255
	MaxSourceLen         = 64
	MaxChannelLen        = 64
	MaxTenantLen         = 255
	MaxMetadataLen       = 4 << 10
	MaxPayloadDepth      = 1000
)

// Validate returns nil, or an *InvalidError that names every field at fault.
// The size of the payload is the dispatcher's to limit.
func (ev Event) Validate() error {
	var inv InvalidError
	inv.text("tenant", ev.Tenant, MaxTenantLen)
	if !ValidEventType(ev.Type) {
		inv.Add("type", CodeEventTypeInvalid, "Event type must be dotted names of letters, digits, _ and -, at most 128 bytes.")
	} else if Reserved(ev.Type) {
		inv.Add("type", CodeEventTypeReserved, "Event types under \"webhook.\" are reserved.")
	}
	if msg := checkPayload(ev.Data); msg != "" {
		inv.Add("data", CodePayloadInvalid, msg)
	}
	if y := ev.Timestamp.UTC().Year(); y < 1 || y > 9999 {
		inv.Add("timestamp", CodeInvalidField, "Must be in the years 1 to 9999.")
	}
	inv.text("idempotency_key", ev.IdempotencyKey, MaxIdempotencyKeyLen)
	inv.text("ordering_key", ev.OrderingKey, MaxOrderingKeyLen)
	inv.text("source", ev.Source, MaxSourceLen)
	inv.names("channels", ev.Channels, maxChannels, MaxChannelLen)
	if !ev.Priority.valid() {
		inv.Add("priority", CodeInvalidField, "Must be high, normal or low.")
	}
	if y := ev.DeliverAt.UTC().Year(); y < 1 || y > 9999 {
		inv.Add("deliver_at", CodeInvalidField, "Must be in the years 1 to 9999.")
	}
	inv.text("subject", ev.Subject, MaxSubjectLen)
	inv.metadata("metadata", ev.Metadata)
	return inv.Err()
}

// Clone returns a copy that shares nothing with ev.
func (ev Event) Clone() Event {
	ev.Data, ev.Channels = bytes.Clone(ev.Data), slices.Clone(ev.Channels)
	ev.Metadata = maps.Clone(ev.Metadata)
	return ev
}

// Receipt is what Publish answers once event and deliveries are durable.
type Receipt struct {
	// EventID is the id of the stored event; for a duplicate, of the first.
	EventID string
	// Deliveries is how many endpoints the event goes to, those that skip it
	// aside.
	Deliveries int
	// Duplicate says that the idempotency key had been used for the same
	// content: nothing new was stored.
	Duplicate bool
}

// ValidIdempotencyKey reports whether a text can be an idempotency key: 1 to
// MaxIdempotencyKeyLen bytes of UTF-8 without control characters.
func ValidIdempotencyKey(key string) bool {
	return key != "" && len(key) <= MaxIdempotencyKeyLen && cleanText(key)
}
