package webhook

// Outcomes counts the deliveries of an event by their status.
type Outcomes struct {
	Pending, Delivered, Failed, Canceled, Skipped int
}

// Add counts n deliveries in a status.
func (o *Outcomes) Add(status DeliveryStatus, n int) {
	switch status {
	case DeliveryPending:
		o.Pending += n
	case DeliveryDelivered:
		o.Delivered += n
	case DeliveryFailed:
		o.Failed += n
	case DeliveryCanceled:
		o.Canceled += n
	case DeliverySkipped:
		o.Skipped += n
	}
}

// Total returns how many deliveries there are.
func (o Outcomes) Total() int { return o.Pending + o.Delivered + o.Failed + o.Canceled + o.Skipped }

// EventStatus says in a word what became of an event.
type EventStatus string

// What may have become of an event. The first one that is true counts.
const (
	// EventUnmatched: no delivery; no endpoint wanted it, or all are pruned.
	EventUnmatched EventStatus = "unmatched"
	// EventPending: some delivery has not ended.
	EventPending EventStatus = "pending"
	// EventDelivered: all were delivered.
	EventDelivered EventStatus = "delivered"
	// EventPartial: some were delivered, and some were not.
	EventPartial EventStatus = "partial"
	// EventFailed: none was delivered, and some failed.
	EventFailed EventStatus = "failed"
	// EventCanceled: none was delivered, none failed, and some were canceled.
	EventCanceled EventStatus = "canceled"
	// EventSkipped: all were skipped.
	EventSkipped EventStatus = "skipped"
)

// Valid reports whether it is one of the above.
func (s EventStatus) Valid() bool {
	switch s {
	case EventUnmatched, EventPending, EventDelivered, EventPartial, EventFailed, EventCanceled, EventSkipped:
		return true
	}
	return false
}

// Status returns what became of the event.
func (o Outcomes) Status() EventStatus {
	switch total := o.Total(); {
	case total == 0:
		return EventUnmatched
	case o.Pending > 0:
		return EventPending
	case o.Delivered == total:
		return EventDelivered
	case o.Delivered > 0:
		return EventPartial
	case o.Failed > 0:
		return EventFailed
	case o.Canceled > 0:
		return EventCanceled
	}
	return EventSkipped
}
