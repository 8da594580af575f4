package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
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
	f := facts{delivery: d, now: clock.Now()}
	if d.Status == webhook.DeliveryPending {
		if err := m.pendingFacts(ctx, &f); err != nil {
			return "", err
		}
	}
	attempts, err := m.store.Attempts(ctx, tenant, delivery)
	if err != nil {
		return "", err
	}
	for i := range attempts {
		// What was read later may know more: the delivery says which is meant.
		if attempts[i].N == f.delivery.Attempts {
			f.last = &attempts[i]
		}
	}
	return f.why(), nil
}

// pendingFacts adds what decides about a delivery that is pending.
func (m *Manager) pendingFacts(ctx context.Context, f *facts) error {
	d := &f.delivery
	ep, found, err := m.engineEndpoint(ctx, d.Tenant, d.EndpointID)
	if err != nil {
		return err
	}
	if found && !ep.Deleted() {
		f.endpoint, f.health = &ep.Endpoint, healthAt(ep.Health, f.now)
	}
	if d.Attempts == 0 && d.NextAttemptAt.After(f.now) {
		ev, err := m.store.Event(ctx, d.Tenant, d.EventID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		f.deliverAt = ev.DeliverAt
	}
	f.place, err = m.store.Place(ctx, d.Tenant, d.ID)
	if errors.Is(err, store.ErrNotFound) { // it has ended meanwhile
		*d, err = m.store.Delivery(ctx, d.Tenant, d.ID)
	}
	return err
}

// facts are all that can decide about a delivery.
type facts struct {
	delivery webhook.Delivery
	// last is the delivery's last attempt, or nil if there was none or it is no
	// longer kept.
	last *webhook.Attempt
	// endpoint is nil if it was deleted; health is its health. They, and all that
	// follows, are known of pending deliveries only.
	endpoint *webhook.Endpoint
	health   Health
	// place is where the delivery stands in the queue.
	place store.Place
	// deliverAt is when the event asks to be delivered; zero for at once.
	deliverAt time.Time
	now       time.Time
}

// why composes the sentence. Nothing else does.
func (f facts) why() string {
	switch f.delivery.Status {
	case webhook.DeliveryDelivered:
		return f.whyDelivered()
	case webhook.DeliveryFailed:
		return f.whyFailed()
	case webhook.DeliveryCanceled:
		return f.whyCanceled()
	case webhook.DeliverySkipped:
		return f.whySkipped()
	}
	return "Pending: " + f.whyPending() + "."
}

func (f facts) whyDelivered() string {
	n := f.delivery.Attempts
	switch {
	case f.last == nil:
		return fmt.Sprintf("Delivered: attempt %d was answered.", n)
	case f.last.StatusCode < 200 || f.last.StatusCode > 299:
		return fmt.Sprintf("Delivered: attempt %d was answered%s, which the endpoint's success_statuses count as success.", n, f.statusCode())
	case f.last.BatchID != "":
		return fmt.Sprintf("Delivered: attempt %d, in batch %s, was answered%s.", n, f.last.BatchID, f.statusCode())
	}
	return fmt.Sprintf("Delivered: attempt %d was answered%s.", n, f.statusCode())
}

func (f facts) whyFailed() string {
	n := f.delivery.Attempts
	switch f.delivery.Reason {
	case webhook.ReasonAttemptsUsedUp:
		return fmt.Sprintf("Failed: all attempts are used up; attempt %d, the last one, %s.", n, f.ending())
	case webhook.ReasonCrashed:
		return "Failed: five processes ended while they were sending this delivery, which may be the cause."
	case webhook.ReasonFilterError:
		if n == 0 {
			return "Failed: the endpoint's filter failed for this event when it was published (filter_error); redelivering asks the filter again."
		}
		return fmt.Sprintf("Failed: the endpoint's filter failed again for this event at attempt %d (filter_error); redelivering asks the filter again.", n)
	case webhook.ReasonTooOld:
		if n == 0 {
			return fmt.Sprintf("Failed: at %s, before its first attempt, it was older than the max_age of its event type.", instant(f.delivery.UpdatedAt))
		}
		return fmt.Sprintf("Failed: another attempt would come after the max_age of its event type; attempt %d, the last one, %s.", n, f.ending())
	}
	return "Failed: no more attempts are made."
}

func (f facts) whyCanceled() string {
	at := instant(f.delivery.UpdatedAt)
	switch f.delivery.Reason {
	case webhook.ReasonEndpointDeleted:
		return fmt.Sprintf("Canceled: at %s the endpoint was found to be deleted.", at)
	case webhook.ReasonExpired:
		return fmt.Sprintf("Canceled: at %s the payload's retention had ended before it could be delivered.", at)
	case webhook.ReasonCanceledByHand:
		return fmt.Sprintf("Canceled: it was canceled by hand at %s, after %d attempts.", at, f.delivery.Attempts)
	}
	return "Canceled: it is not wanted any more."
}

func (f facts) whySkipped() string {
	if f.delivery.Reason == webhook.ReasonEndpointPaused {
		return "Skipped: the endpoint was paused at the time of the event, and its on_paused is skip."
	}
	if f.delivery.Reason == webhook.ReasonFiltered {
		return "Skipped: it was redelivered, and the endpoint's filter does not match this event."
	}
	return "Skipped: the endpoint does not want this event."
}

// ending says how the last attempt failed.
func (f facts) ending() string {
	if f.last == nil {
		return "is no longer kept"
	}
	switch f.last.Class {
	case webhook.ClassHTTPStatus:
		return "was answered" + f.statusCode()
	case webhook.ClassRedirect:
		return "was answered" + f.statusCode() + ", a redirect, which is not followed"
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
