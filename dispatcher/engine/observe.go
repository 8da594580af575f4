package engine

import (
	"context"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/webhook"
)

// startAttempt begins the span of an attempt at a job, or at all members of a batch,
// and returns the context to send it with.
func (e *Engine) startAttempt(j *schedule.Job) (context.Context, telemetry.Sending) {
	a := telemetry.Attempt{Endpoint: &j.Route.Endpoint}
	if j.Members != nil {
		a.Batch, a.Delivery = j.Batch, j.Members[0].Delivery
		if !e.cfg.Telemetry.Tracing() {
			return e.cfg.Telemetry.StartAttempt(e.sendCtx, clock.Now(), a)
		}
		for _, m := range j.Members {
			a.N = max(a.N, m.Attempts+1)
			a.Members = append(a.Members, telemetry.Member{Delivery: m.Delivery, Trace: m.Message.Trace()})
		}
		return e.cfg.Telemetry.StartAttempt(e.sendCtx, clock.Now(), a)
	}
	a.Delivery, a.Event, a.EventType, a.Trace, a.N = j.Delivery, j.Event, j.Message.EventType(), j.Message.Trace(), j.Attempts+1
	if j.Attempts == 0 && e.cfg.Telemetry.Tracing() {
		a.Due = firstDue(j)
	}
	return e.cfg.Telemetry.StartAttempt(e.sendCtx, clock.Now(), a)
}

// firstDue is when a delivery was first to be sent, in whole milliseconds, or zero for
// an event whose id does not tell.
func firstDue(j *schedule.Job) time.Time {
	at, _ := webhook.PrefixEvent.IDTime(j.Event)
	if later := j.Message.DeliverAt(); later.After(at) {
		return later
	}
	return at
}

// outcomeFor is what telemetry is told of an attempt that has ended.
func outcomeFor(x send.Exchange, out *outcome) telemetry.Outcome {
	return telemetry.Outcome{Class: out.class, StatusCode: x.StatusCode, Status: out.status, Retry: out.due, At: x.At}
}

// told tells of what a settlement has written.
func (e *Engine) told(items []*schedule.Settling) {
	tel := e.cfg.Telemetry
	for _, it := range items {
		if it.Status == webhook.DeliveryPending {
			continue
		}
		tel.Ended(it.EventType, it.Status)
		if it.Status == webhook.DeliveryDelivered && it.Attempt != nil && it.Job.Base == 0 && tel.MeasuresLatency() {
			if due := firstDue(it.Job); !due.IsZero() {
				tel.Delivered(it.Attempt.At.Add(it.Attempt.Timings.Total).Sub(due))
			}
		}
	}
}

// Stats is how the engine is at the moment.
type Stats struct {
	// Lanes counts them by their state.
	Lanes map[lane.State]int
	// InFlight deliveries are under way, of at most Slots, and Held in memory.
	InFlight, Slots, Held int
}

// Stats returns how the engine is at the moment.
func (e *Engine) Stats() Stats {
	lanes, inFlight, held := e.sched.Stats()
	return Stats{Lanes: lanes, InFlight: inFlight, Slots: e.cfg.Slots, Held: held}
}
