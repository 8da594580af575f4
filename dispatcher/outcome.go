package dispatcher

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/webhook"
)

// answer is what came of an attempt: a response, or the class of the error that
// took its place.
type answer struct {
	class      webhook.ErrorClass // of the transport's error, or ClassNone
	statusCode int
	header     http.Header
}

// situation is what else the decision about an attempt rests on.
type situation struct {
	// at is when the attempt ended.
	at time.Time
	// done is how many attempts of the present schedule were made, this one
	// included.
	done   int
	policy webhook.RetryPolicy
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
func decide(a answer, s situation) outcome {
	out := outcome{class: classify(a)}
	switch out.class {
	case webhook.ClassNone:
		out.status, out.result = webhook.DeliveryDelivered, lane.Succeeded
		return out
	case webhook.ClassCanceled:
		// We broke it off ourselves. It may have arrived, so it counts as an
		// attempt, but it says nothing about the endpoint.
		out.status, out.due, out.result = webhook.DeliveryPending, s.at, lane.Neutral
		return out
	case webhook.ClassInternal:
		out.result = lane.Neutral
	default:
		out.result = lane.Failed
		if throttles(a) {
			out.result = lane.Throttled
		}
	}
	out.gone = a.statusCode == http.StatusGone
	wait, more := s.policy.Wait(s.done, s.random)
	if !more {
		out.status, out.reason = webhook.DeliveryFailed, webhook.ReasonAttemptsUsedUp
		return out
	}
	if a.statusCode == http.StatusTooManyRequests || a.statusCode == http.StatusServiceUnavailable {
		if after, ok := retryAfter(a.header.Get("Retry-After"), s.at); ok {
			wait = max(wait, min(after, maxRetryAfter))
		}
	}
	out.status, out.due = webhook.DeliveryPending, s.at.Add(wait).Truncate(time.Microsecond).Add(time.Microsecond)
	return out
}

// classify returns the class of an answer. Only 2xx is success (Standard
// Webhooks 1.0.0, "Operational considerations"), and no redirect is followed.
func classify(a answer) webhook.ErrorClass {
	switch {
	case a.class != webhook.ClassNone:
		return a.class
	case a.statusCode >= 200 && a.statusCode <= 299:
		return webhook.ClassNone
	case a.statusCode >= 300 && a.statusCode <= 399:
		return webhook.ClassRedirect
	}
	return webhook.ClassHTTPStatus
}

// throttles reports whether an answer may mean that we send too much.
func throttles(a answer) bool {
	switch a.statusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return a.class == webhook.ClassTimeout
}
