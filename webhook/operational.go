package webhook

import (
	"encoding/json"
	"net/url"
	"time"
)

// The types of operational events, which tell of the webhooks themselves. They go
// to Config.OnOperational of package dispatcher and, signed like any other event,
// to those of the tenant's endpoints that name them: "webhook.endpoint.paused" or
// "webhook.*", but not "*".
const (
	// TypeEndpointPaused: an endpoint was paused, by hand or by the library.
	TypeEndpointPaused = "webhook.endpoint.paused"
	// TypeEndpointWarning: an endpoint has failed half as often in a row as it
	// takes to be paused; again at three quarters and at nine tenths.
	TypeEndpointWarning = "webhook.endpoint.warning"
	// TypeEndpointResumed: a paused endpoint is sent to again.
	TypeEndpointResumed = "webhook.endpoint.resumed"
	// TypeEndpointGone: an endpoint answered 410 and was paused for it. There is
	// no TypeEndpointPaused beside it.
	TypeEndpointGone = "webhook.endpoint.gone"
	// TypeDeliveryFailed: a delivery failed for good. Endpoints with
	// DeadLetter.Quiet cause none.
	TypeDeliveryFailed = "webhook.delivery.failed"
	// TypeDeliveryExpired: deliveries were canceled because the retention of
	// their payloads ended before they could be sent.
	TypeDeliveryExpired = "webhook.delivery.expired"
	// TypeSecretRotated: an endpoint has a new signing secret.
	TypeSecretRotated = "webhook.secret.rotated"
)

// Operational is something that happened to a webhook. There is one for each
// cause, and what happens to operational events themselves causes none; only an
// endpoint that they made fail is paused, and reported, like any other.
type Operational struct {
	// Type is one of the types above.
	Type string
	// Tenant is whose endpoint it is.
	Tenant string
	// At is when it happened.
	At time.Time
	// Cause tells what happened from anything else of the same type at the same
	// endpoint; a repetition has the same. It is for machines.
	Cause string
	Snapshot
}

// Snapshot is how things stood when it happened. What does not apply is empty.
// As JSON it is the data of the operational event.
type Snapshot struct {
	EndpointID string `json:"endpoint_id"`
	// Host is that of the endpoint's URL, whose path and query may be secret.
	Host       string         `json:"host,omitempty"`
	Status     EndpointStatus `json:"status,omitempty"`
	PauseCause PauseCause     `json:"pause_cause,omitempty"`
	// Reason is a sentence for people.
	Reason string `json:"reason,omitempty"`
	// Failures is how many attempts have failed in a row, and AutoPauseAfter how
	// many pause the endpoint; Percent is the share of it that was reached.
	Failures       int `json:"failures,omitempty"`
	AutoPauseAfter int `json:"auto_pause_after,omitempty"`
	Percent        int `json:"percent,omitempty"`
	// LastAttempt is the attempt that brought it about.
	LastAttempt *AttemptSummary `json:"last_attempt,omitempty"`
	// DeliveryID, EventID and EventType are what failed; of several that expired,
	// the first.
	DeliveryID string `json:"delivery_id,omitempty"`
	EventID    string `json:"event_id,omitempty"`
	EventType  string `json:"event_type,omitempty"`
	// Attempts is how many were made, and FailedFor why there is no other.
	Attempts  int    `json:"attempts,omitempty"`
	FailedFor Reason `json:"failed_for,omitempty"`
	// Count is how many deliveries expired.
	Count int `json:"count,omitempty"`
	// SecretID is the new secret.
	SecretID string `json:"secret_id,omitempty"`
}

// AttemptSummary is what operational events tell of an attempt.
type AttemptSummary struct {
	DeliveryID string     `json:"delivery_id"`
	At         time.Time  `json:"at"`
	Class      ErrorClass `json:"class"`
	StatusCode int        `json:"status_code,omitempty"`
}

// Summary returns what operational events tell of the attempt.
func (a *Attempt) Summary() *AttemptSummary {
	return &AttemptSummary{DeliveryID: a.DeliveryID, At: a.At.UTC(), Class: a.Class, StatusCode: a.StatusCode}
}

// Of adds what there is to know of the endpoint itself.
func (s Snapshot) Of(ep *Endpoint) Snapshot {
	s.EndpointID, s.Status = ep.ID, ep.Status
	s.AutoPauseAfter = max(ep.AutoPauseAfter, 0)
	s.PauseCause = ep.PauseCause
	if s.Reason == "" {
		s.Reason = ep.StatusReason
	}
	if u, err := url.Parse(ep.URL); err == nil {
		s.Host = u.Host
	}
	return s
}

// Event returns the event that tells the tenant's endpoints. Its idempotency key
// is made of type, endpoint and cause, so that no cause has two.
func (op Operational) Event() (Event, error) {
	data, err := json.Marshal(op.Snapshot)
	return Event{
		Tenant: op.Tenant, Type: op.Type, Timestamp: op.At, Data: data,
		IdempotencyKey: "operational/" + op.Type + "/" + op.EndpointID + "/" + op.Cause,
	}, err
}
