package manage

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/webhook"
)

// whyPending names the first thing in the way: what holds the whole endpoint, then
// what comes before the delivery, then its own time, and then what it needs to
// start.
func (f facts) whyPending() string {
	if text := f.heldByEndpoint(); text != "" {
		return text
	}
	if text := f.heldByOthers(); text != "" {
		return text
	}
	if f.delivery.NextAttemptAt.After(f.now) {
		return f.waiting()
	}
	if text := f.held(); text != "" {
		return text
	}
	return f.waiting()
}

// heldByEndpoint says what the endpoint's state has to do with it, if anything. An
// open breaker is only in the way of a delivery that is due before the next probe.
func (f facts) heldByEndpoint() string {
	d := &f.delivery
	switch {
	case f.endpoint == nil:
		return "the endpoint was deleted, and this delivery is about to be canceled"
	case f.place.Canceled && f.place.Leased:
		return fmt.Sprintf("it is canceled unless attempt %d, which a process has in hand, delivers it", d.Attempts+1)
	case f.place.Canceled:
		return "it is about to be canceled, as was asked"
	case f.place.Leased:
		return f.inHand()
	case f.endpoint.Status == webhook.EndpointPaused:
		return f.pausedBecause()
	case f.health.Breaker == BreakerOpen && d.NextAttemptAt.Before(f.health.NextProbeAt):
		return fmt.Sprintf("the endpoint failed %d times in a row and is given a rest; the next probe is at %s",
			f.health.Failures, instant(f.health.NextProbeAt))
	case f.health.Breaker == BreakerHalfOpen && !d.NextAttemptAt.After(f.now):
		return fmt.Sprintf("the endpoint failed %d times in a row; this delivery goes out as soon as a probe succeeds, or is the probe",
			f.health.Failures)
	}
	return ""
}

func (f facts) pausedBecause() string {
	switch f.endpoint.PauseCause {
	case webhook.PausedByFailures:
		return fmt.Sprintf("the endpoint is paused because %d attempts in a row failed", f.health.Failures)
	case webhook.PausedByGone:
		return "the endpoint is paused because it answered 410 Gone"
	case webhook.PausedByOrder:
		return "the endpoint is paused because a delivery before others of its ordering key failed, and order.on_failure is pause"
	case webhook.PausedByHand:
	}
	if f.endpoint.Version == 1 {
		return "the endpoint was created paused and has not been activated yet"
	}
	return "the endpoint is paused by hand"
}

// inHand says what a process that has the delivery waits for.
func (f facts) inHand() string {
	n := f.delivery.Attempts + 1
	switch {
	case f.place.Ahead != "":
		return fmt.Sprintf("a process has it in hand for when %s, which comes before it in its ordering key, is delivered", f.place.Ahead)
	case f.place.Crashes > 0:
		return fmt.Sprintf("a process has attempt %d in hand; it goes with few others or alone, because %s with it before", n, f.crashed())
	case f.recovery() > 0:
		return fmt.Sprintf("a process has attempt %d in hand, and the endpoint, which recovers since %s, gets %s per second by now", n, instant(f.health.RecoveringSince), number(f.recovery()))
	case f.endpoint.RateLimit.PerSecond > 0:
		return fmt.Sprintf("a process has attempt %d in hand, which goes out as soon as %s allows", n, f.rateLimit())
	case f.endpoint.Batch.MaxEvents > 0 && f.delivery.BatchID == "":
		return fmt.Sprintf("a process collects a batch for attempt %d, of up to %d events or for up to %v", n, f.endpoint.Batch.MaxEvents, f.endpoint.Batch.MaxWait)
	}
	if f.delivery.BatchID != "" {
		return fmt.Sprintf("a process has it in hand with all others of batch %s; attempt %d is under way or about to begin", f.delivery.BatchID, n)
	}
	return fmt.Sprintf("a process has it in hand; attempt %d is under way or about to begin", n)
}

// heldByOthers says which delivery must go first, if one must.
func (f facts) heldByOthers() string {
	first := f.place.AheadDue
	switch {
	case f.place.BlockedBy != "":
		return fmt.Sprintf("%s, which comes before it in its ordering key, failed for good; redeliver or cancel that (order.on_failure is block)", f.place.BlockedBy)
	case f.place.Ahead == "" || f.delivery.NextAttemptAt.After(f.now) && f.delivery.NextAttemptAt.After(first):
		return ""
	case first.After(f.now):
		return fmt.Sprintf("%s comes before it in its ordering key and is tried again at %s", f.place.Ahead, instant(first))
	}
	return fmt.Sprintf("%s comes before it in its ordering key and is due now", f.place.Ahead)
}

// held says why a delivery that is due has not started, if there is something to
// say.
func (f facts) held() string {
	switch {
	case f.place.Crashes > 0:
		return fmt.Sprintf("it is due and goes out with few others or alone, because %s with it in hand", f.crashed())
	case f.delivery.BatchID != "":
		return fmt.Sprintf("it is due and goes out again with all others of batch %s", f.delivery.BatchID)
	case !f.place.Parked:
		return ""
	case f.recovery() > 0:
		return fmt.Sprintf("it is due, and the endpoint, which recovers since %s, gets %s per second by now", instant(f.health.RecoveringSince), number(f.recovery()))
	case f.endpoint.RateLimit.PerSecond > 0:
		return fmt.Sprintf("it is due, and %s is used up by others%s", f.rateLimit(), f.lookedAt())
	case f.delivery.Priority == webhook.PriorityLow:
		return "it is due, and others of the endpoint with a higher priority go first" + f.lookedAt()
	}
	return "it is due, and others of the endpoint are under way" + f.lookedAt()
}

// lookedAt says when the lane has its next turn.
func (f facts) lookedAt() string {
	if f.place.LaneNext.IsZero() {
		return ""
	}
	return "; the next look is at " + instant(f.place.LaneNext)
}

func (f facts) crashed() string {
	if f.place.Crashes == 1 {
		return "one process ended"
	}
	return fmt.Sprintf("%d processes ended", f.place.Crashes)
}

// recovery returns the rate of a recovery that decides, or 0.
func (f facts) recovery() float64 {
	return lane.RecoveryRate(f.now, f.health.RecoveringSince, f.endpoint.RateLimit.Interval())
}

func (f facts) rateLimit() string {
	return fmt.Sprintf("the endpoint's rate_limit of %s per second", number(f.endpoint.RateLimit.PerSecond))
}

// waiting says what the delivery's own next attempt follows from.
func (f facts) waiting() string {
	d, last := &f.delivery, f.last
	switch {
	case d.Attempts == 0 && f.deliverAt.After(f.now):
		return fmt.Sprintf("its event asks not to be delivered before %s (deliver_at)", instant(f.deliverAt))
	case d.Attempts == 0:
		return "it waits for its first attempt, " + f.due()
	case last == nil:
		return fmt.Sprintf("%d attempts were made, and the next one is %s", d.Attempts, f.due())
	case last.NextAt.IsZero(): // that was the end, until somebody redelivered
		return fmt.Sprintf("it was redelivered after attempt %d, and the next one is %s", d.Attempts, f.due())
	case last.Class == webhook.ClassCanceled:
		return fmt.Sprintf("attempt %d was broken off when its process stopped, and the next one is %s", d.Attempts, f.due())
	case putOff(last):
		return fmt.Sprintf("attempt %d %s and Retry-After, and the next one is %s", d.Attempts, f.ending(), f.due())
	case last.BatchID != "":
		return fmt.Sprintf("attempt %d, in batch %s, %s, and the next one is %s", d.Attempts, last.BatchID, f.ending(), f.due())
	case throttles(last.StatusCode):
		return fmt.Sprintf("attempt %d %s, which slows down what is sent to the endpoint, and the next one is %s", d.Attempts, f.ending(), f.due())
	}
	return fmt.Sprintf("attempt %d %s, and the next one is %s", d.Attempts, f.ending(), f.due())
}

// throttles reports whether a status code makes the engine send less at once.
func throttles(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// putOff reports whether it was the receiver's Retry-After that decided when the
// next attempt is due, and not the schedule.
func putOff(a *webhook.Attempt) bool {
	value := a.ResponseHeaders["Retry-After"]
	if value == "" || a.StatusCode != http.StatusTooManyRequests && a.StatusCode != http.StatusServiceUnavailable {
		return false
	}
	var asked time.Time
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		asked = a.At.Add(a.Timings.Total).Add(time.Duration(min(seconds, maxPutOff)) * time.Second)
	} else if asked, err = http.ParseTime(value); err != nil {
		return false
	}
	return a.NextAt.Sub(asked).Abs() <= time.Second
}

// maxPutOff is the most that a Retry-After counts for, in seconds.
const maxPutOff = 24 * 60 * 60

// due says when a pending delivery is due.
func (f facts) due() string {
	if at := f.delivery.NextAttemptAt; at.After(f.now) {
		return "due at " + instant(at)
	}
	return "due now"
}
