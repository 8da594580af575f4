package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/webhook"
)

// Why says in one sentence why a delivery is in the state that it is in, by the
// fact that decides: what was answered, what it waits for, why it ended. It
// repeats nothing that a receiver sent but the status code. The error is
// store.ErrNotFound.
func (m *Manager) Why(ctx context.Context, tenant, delivery string) (string, error) {
	d, err := m.Delivery(ctx, tenant, delivery)
	if err != nil {
		return "", err
	}
	attempts, err := m.store.Attempts(ctx, tenant, delivery)
	if err != nil {
		return "", err
	}
	f := facts{delivery: d, now: clock.Now()}
	for i := range attempts {
		// What was read later may know more: the delivery says which is meant.
		if attempts[i].N == d.Attempts {
			f.last = &attempts[i]
		}
	}
	if d.Status == webhook.DeliveryPending {
		ep, found, err := m.engineEndpoint(ctx, tenant, d.EndpointID)
		if err != nil {
			return "", err
		}
		if found && !ep.Deleted() {
			f.endpoint, f.health = &ep.Endpoint, healthAt(ep.Health, f.now)
		}
	}
	return f.why(), nil
}

// facts are all that can decide about a delivery.
type facts struct {
	delivery webhook.Delivery
	// last is the delivery's last attempt, or nil if there was none or it is no
	// longer kept.
	last *webhook.Attempt
	// endpoint is nil if it was deleted; health is its health. Both are known
	// of pending deliveries only.
	endpoint *webhook.Endpoint
	health   Health
	now      time.Time
}

// why composes the sentence. Nothing else does.
func (f facts) why() string {
	n := f.delivery.Attempts
	switch f.delivery.Status {
	case webhook.DeliveryDelivered:
		return fmt.Sprintf("Delivered: attempt %d was answered%s.", n, f.statusCode())
	case webhook.DeliveryFailed:
		return f.whyFailed()
	case webhook.DeliveryCanceled:
		return f.whyCanceled()
	case webhook.DeliverySkipped:
		return "Skipped: the endpoint does not want this event."
	}
	return f.whyPending()
}

func (f facts) whyFailed() string {
	switch f.delivery.Reason {
	case webhook.ReasonAttemptsUsedUp:
		return fmt.Sprintf("Failed: all attempts are used up; attempt %d, the last one, %s.", f.delivery.Attempts, f.ending())
	case webhook.ReasonCrashed:
		return "Failed: process after process ended while it was sending this delivery, which may be the cause."
	}
	return "Failed: no more attempts are made."
}

func (f facts) whyCanceled() string {
	switch f.delivery.Reason {
	case webhook.ReasonEndpointDeleted:
		return "Canceled: the endpoint was deleted."
	case webhook.ReasonExpired:
		return "Canceled: the payload's retention ended before it could be delivered."
	}
	return "Canceled: it is not wanted any more."
}

// whyPending names the first thing in the way: what holds the whole endpoint, and
// then what is the delivery's own. An open breaker is only in the way of a
// delivery that is due before the next probe.
func (f facts) whyPending() string {
	d := &f.delivery
	switch {
	case f.endpoint == nil:
		return "Pending: the endpoint was deleted, and this delivery is about to be canceled."
	case f.endpoint.Status == webhook.EndpointPaused:
		return "Pending: " + f.pausedBecause()
	case f.health.Breaker == BreakerOpen && d.NextAttemptAt.Before(f.health.NextProbeAt):
		return fmt.Sprintf("Pending: the endpoint failed %d times in a row and is given a rest; the next probe is at %s.",
			f.health.Failures, instant(f.health.NextProbeAt))
	case f.health.Breaker == BreakerHalfOpen && !d.NextAttemptAt.After(f.now):
		return fmt.Sprintf("Pending: the endpoint failed %d times in a row; this delivery goes out as soon as a probe succeeds, or is the probe.",
			f.health.Failures)
	case d.Attempts == 0:
		return "Pending: it waits for its first attempt, " + f.due() + "."
	case f.last == nil:
		return fmt.Sprintf("Pending: %d attempts were made, and the next one is %s.", d.Attempts, f.due())
	case f.last.NextAt.IsZero(): // that was the end, until somebody redelivered
		return fmt.Sprintf("Pending: it was redelivered after attempt %d, and the next one is %s.", d.Attempts, f.due())
	case f.last.Class == webhook.ClassCanceled:
		return fmt.Sprintf("Pending: attempt %d was broken off when its process stopped, and the next one is %s.", d.Attempts, f.due())
	}
	return fmt.Sprintf("Pending: attempt %d %s, and the next one is %s.", d.Attempts, f.ending(), f.due())
}

func (f facts) pausedBecause() string {
	switch f.endpoint.PauseCause {
	case webhook.PausedByFailures:
		return fmt.Sprintf("the endpoint is paused because %d attempts in a row failed.", f.health.Failures)
	case webhook.PausedByGone:
		return "the endpoint is paused because it answered 410 Gone."
	}
	return "the endpoint is paused by hand."
}

// due says when a pending delivery is due.
func (f facts) due() string {
	if at := f.delivery.NextAttemptAt; at.After(f.now) {
		return "due at " + instant(at)
	}
	return "due now"
}

// ending says how the last attempt failed.
func (f facts) ending() string {
	if f.last == nil {
		return "is no longer kept"
	}
	if f.last.Class == webhook.ClassHTTPStatus || f.last.Class == webhook.ClassRedirect {
		return "was answered" + f.statusCode()
	}
	if text, ok := endings[f.last.Class]; ok {
		return text
	}
	return endings[webhook.ClassInternal]
}

func (f facts) statusCode() string {
	if f.last == nil {
		return ""
	}
	return fmt.Sprintf(" with status %d", f.last.StatusCode)
}

// endings complete "attempt 3 …". They are ours alone: a class that is not on
// the list is not repeated.
var endings = map[webhook.ErrorClass]string{
	webhook.ClassBlockedAddress:  "was not sent because the endpoint's address is not allowed (blocked_address)",
	webhook.ClassDNS:             "did not find the endpoint's host (dns_error)",
	webhook.ClassConnect:         "got no connection to the endpoint (connect_error)",
	webhook.ClassTLS:             "got no TLS connection to the endpoint (tls_error)",
	webhook.ClassTimeout:         "got no answer in time (timeout)",
	webhook.ClassProtocol:        "got an answer that is not valid HTTP (protocol_error)",
	webhook.ClassAuth:            "got no credentials for the endpoint (auth_error)",
	webhook.ClassFilterError:     "was not sent because the endpoint's filter failed (filter_error)",
	webhook.ClassTransformError:  "was not sent because the endpoint's transform failed (transform_error)",
	webhook.ClassEncryptionError: "was not sent because the payload could not be encrypted (encryption_error)",
	webhook.ClassCanceled:        "was broken off when its process stopped (canceled)",
	webhook.ClassInternal:        "failed for an internal reason (internal)",
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
