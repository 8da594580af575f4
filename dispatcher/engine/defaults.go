package engine

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/webhook"
)

// policy returns when a delivery is tried again: the endpoint's choice, or else
// that of the event's type, or else the library's.
func (e *Engine) policy(j *schedule.Job) webhook.RetryPolicy {
	if p := j.Route.Endpoint.Retry; !p.IsZero() {
		return p
	}
	return e.cfg.TypeDefaults(j.Message.EventType()).Retry
}

// youngUntil returns when a delivery is too old to be tried, or the zero time. Age
// counts from the publish, or from when the event was to be delivered. Somebody who
// has a delivery sent again after it was tried knows how old it is.
func (e *Engine) youngUntil(j *schedule.Job) time.Time {
	age := e.cfg.TypeDefaults(j.Message.EventType()).MaxAge
	if age == 0 || j.Base > 0 {
		return time.Time{}
	}
	from, ok := webhook.PrefixEvent.IDTime(j.Event)
	if !ok {
		return time.Time{}
	}
	if at := j.Message.DeliverAt(); at.After(from) {
		from = at
	}
	return from.Add(age)
}

func (e *Engine) tooOld(j *schedule.Job) bool {
	until := e.youngUntil(j)
	return !until.IsZero() && clock.Now().After(until)
}
