package dispatcher

import (
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// message is an event as it is sent: the bytes are made once and shared by all
// its deliveries and attempts.
type message struct {
	id, eventType string
	body          []byte
	// payload is where the event's own bytes begin in the body.
	payload int
}

// data returns the event's own bytes.
func (m *message) data() []byte { return m.body[m.payload : len(m.body)-1 : len(m.body)-1] }

// size is what the message counts for in the bounds of memory.
func (m *message) size() int { return len(m.body) }

// newMessage frames an event in the standard envelope. The frame is made of
// nothing but what is stored, so that every attempt, by any process, sends the
// same bytes.
func newMessage(ev *webhook.Event) *message {
	const layout = "2006-01-02T15:04:05.000000Z"
	body := make([]byte, 0, len(ev.Data)+len(ev.Type)+len(layout)+len(`{"type":"","timestamp":"","data":}`))
	body = append(body, `{"type":"`...)
	body = append(body, ev.Type...) // letters, digits and "._-" need no escape
	body = append(body, `","timestamp":"`...)
	body = ev.Timestamp.UTC().AppendFormat(body, layout)
	body = append(body, `","data":`...)
	payload := len(body)
	body = append(body, ev.Data...)
	body = append(body, '}')
	return &message{id: ev.ID, eventType: ev.Type, body: body, payload: payload}
}

// job is a delivery that is leased to this process.
type job struct {
	store.Claimed
	epoch int64
	// msg is nil until the event is loaded, which a hand-over never needs.
	msg *message
	// reserved is how many bytes of the hand-over budget the job holds.
	reserved int
	// route is how to send it, set when it starts.
	route *route
	// lane and probe are the scheduler's.
	lane  *laneShell
	probe bool
}

func (j *job) key() store.Lane { return store.Lane{Tenant: j.Tenant, Endpoint: j.Endpoint} }

// returned is the outcome that gives a job back unsent, due at once.
func (j *job) returned(due time.Time, park bool) store.Settled {
	return store.Settled{
		Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint,
		Claim: j.Claim, Status: webhook.DeliveryPending, Due: due, Park: park,
	}
}
