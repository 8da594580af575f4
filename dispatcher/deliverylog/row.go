package deliverylog

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// Row is a delivery as it is in lists, exports and streams.
type Row struct {
	ID            string     `json:"id" example:"dlv_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A"`
	WebhookID     string     `json:"webhook_id"`
	EventID       string     `json:"event_id"`
	EventType     string     `json:"event_type"`
	Status        string     `json:"status" enum:"pending,delivered,failed,canceled,skipped"`
	Reason        string     `json:"reason" doc:"Why it ended; empty while it is pending, or if it was delivered."`
	AttemptCount  int        `json:"attempt_count"`
	Priority      string     `json:"priority"`
	OrderingKey   *string    `json:"ordering_key" nullable:"true" doc:"What its order is kept within; null if none is kept."`
	BatchID       string     `json:"batch_id"`
	NextAttemptAt *time.Time `json:"next_attempt_at" nullable:"true"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// RowOf returns a delivery as a row.
func RowOf(d *webhook.Delivery) Row {
	out := Row{
		ID: d.ID, WebhookID: d.EndpointID, EventID: d.EventID, EventType: d.EventType, Status: string(d.Status), Reason: string(d.Reason),
		AttemptCount: d.Attempts, Priority: string(webhook.PriorityOf(d.Priority.Rank())), BatchID: d.BatchID,
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
	if !d.NextAttemptAt.IsZero() {
		at := d.NextAttemptAt.UTC()
		out.NextAttemptAt = &at
	}
	if d.Ordered {
		key := d.OrderingKey
		out.OrderingKey = &key
	}
	return out
}
