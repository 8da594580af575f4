package engine

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/webhook"
)

// situation is what else the decision about an attempt rests on.
type situation struct {
	// at is when the attempt ended.
	at time.Time
	// done is how many attempts of the present schedule were made, this one
	// included.
	done     int
	endpoint *webhook.Endpoint
	policy   webhook.RetryPolicy
	// until is when the delivery is too old to be tried again, or zero.
	until time.Time
	// random is in [0, 1) and places the wait within its jitter.
	random float64
}

// outcome is what an attempt means for its delivery and its endpoint.
type outcome struct {
	class  webhook.ErrorClass
	status webhook.DeliveryStatus
	reason webhook.Reason
	// due is when a pending delivery is tried again, in whole microseconds.
	due    time.Time
	result lane.Result
	// gone says that the endpoint wants no more: it is paused.
	gone bool
}

// maxRetryAfter bounds how long a receiver may put a delivery off.
const maxRetryAfter = 24 * time.Hour

// decide says what an attempt means. It is the only place that does.
func decide(a send.Answer, s situation) outcome {
	out := outcome{class: a.Classify(s.endpoint)}
	switch out.class {
	case webhook.ClassNone:
		out.status, out.result = webhook.DeliveryDelivered, lane.Succeeded
		return out
	case webhook.ClassCanceled:
		// We broke it off ourselves. It may have arrived, so it counts as an
		// attempt, but it says nothing about the endpoint.
		out.status, out.due, out.result = webhook.DeliveryPending, s.at, lane.Neutral
		return out
	case webhook.ClassFilterError:
		// Nobody knows whether the endpoint wants it, and asking again says the same.
		out.status, out.reason, out.result = webhook.DeliveryFailed, webhook.ReasonFilterError, lane.Neutral
		return out
	case webhook.ClassInternal, webhook.ClassTransformError:
		// The endpoint was not asked.
		out.result = lane.Neutral
	default:
		out.result = failure(a)
	}
	out.gone = a.StatusCode == http.StatusGone
	wait, more := s.policy.Wait(s.done, s.random)
	if !more {
		out.status, out.reason = webhook.DeliveryFailed, webhook.ReasonAttemptsUsedUp
		return out
	}
	if a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusServiceUnavailable {
		if after, ok := retryAfter(a.Header.Get("Retry-After"), s.at); ok {
			wait = max(wait, min(after, maxRetryAfter))
		}
	}
	out.due = s.at.Add(wait).Truncate(time.Microsecond).Add(time.Microsecond)
	if !s.until.IsZero() && out.due.After(s.until) {
		out.status, out.reason, out.due = webhook.DeliveryFailed, webhook.ReasonTooOld, time.Time{}
		return out
	}
	out.status = webhook.DeliveryPending
	return out
}

// failure says what an answer that is no success means: it may be that we send too
// much.
func failure(a send.Answer) lane.Result {
	switch a.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return lane.Throttled
	}
	if a.Class == webhook.ClassTimeout {
		return lane.TimedOut
	}
	return lane.Failed
}
