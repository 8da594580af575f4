package send

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// Message is an event as it is sent: the bytes are made once and shared by all
// its deliveries and attempts. It is never changed.
type Message struct {
	id, eventType string
	source        string
	metadata      map[string]string
	subject       string
	timestamp     time.Time
	deliverAt     time.Time
	trace         webhook.TraceContext
	// body is the standard envelope, and payload is where the event's own bytes begin
	// in it.
	body    []byte
	payload int
	// members are the events of a batch, which has no body of its own, and size is how
	// much they come to.
	members []*Message
	size    int
}

// NewMessage frames an event in the standard envelope. The frame is made of
// nothing but what is stored, so that every attempt, by any process, sends the
// same bytes.
func NewMessage(ev *webhook.Event) *Message {
	body, payload := standardEnvelope(ev.Type, ev.Timestamp, ev.Data)
	return &Message{
		id: ev.ID, eventType: ev.Type, source: ev.Source, metadata: ev.Metadata, subject: ev.Subject, timestamp: ev.Timestamp, deliverAt: ev.DeliverAt,
		trace: ev.Trace, body: body, payload: payload, size: len(body),
	}
}

// EventType returns the type of the event.
func (m *Message) EventType() string { return m.eventType }

// Subject returns what the event is about.
func (m *Message) Subject() string { return m.subject }

// DeliverAt is when the event's first attempt was to be made; zero for at once.
func (m *Message) DeliverAt() time.Time { return m.deliverAt }

// Trace is where the event was published, in a trace.
func (m *Message) Trace() webhook.TraceContext { return m.trace }

// Data returns the event's own bytes, which the caller must not change.
func (m *Message) Data() []byte { return m.body[m.payload : len(m.body)-1 : len(m.body)-1] }

// Size is what the message counts for in the bounds of memory, in bytes.
func (m *Message) Size() int { return m.size }
