package engine

import (
	"math"
	"strconv"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// warnAt are the shares of AutoPauseAfter, in per cent, at which an endpoint's
// people are warned.
var warnAt = [...]int{50, 75, 90}

// accepted returns the outcomes that the store did not refuse.
func accepted(items []*schedule.Settling, lost []store.Held) []*schedule.Settling {
	if len(lost) == 0 {
		return items
	}
	refused := make(map[store.Held]bool, len(lost))
	for _, h := range lost {
		refused[h] = true
	}
	var kept []*schedule.Settling
	for _, it := range items {
		if !refused[store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim}] {
			kept = append(kept, it)
		}
	}
	return kept
}

// reportFailed tells of deliveries that failed for good, operational events aside.
func (e *Engine) reportFailed(items []*schedule.Settling) {
	for _, it := range items {
		if it.Status != webhook.DeliveryFailed || webhook.Reserved(it.EventType) {
			continue
		}
		ep := &it.Job.Route.Endpoint
		if ep.DeadLetter.Quiet {
			continue
		}
		s := webhook.Snapshot{
			DeliveryID: it.Delivery, EventID: it.Job.Event, EventType: it.EventType,
			Attempts: it.Job.Attempts, FailedFor: it.Reason,
		}
		if it.Attempt != nil {
			s.Attempts, s.LastAttempt = it.Attempt.N, it.Attempt.Summary()
		}
		// A delivery may fail once after each redelivery: its claims tell which.
		e.report(it.Job, webhook.TypeDeliveryFailed, it.Delivery+"/"+strconv.FormatInt(it.Claim, 10), s.Of(ep))
	}
}

// countIncidents counts attempts that were not let out, and those that got no
// credentials.
func (e *Engine) countIncidents(items []*schedule.Settling) {
	for _, it := range items {
		if it.Attempt == nil {
			continue
		}
		if kind, ok := it.Attempt.Class.Incident(); ok {
			e.cfg.Incident(it.Tenant, kind, it.Endpoint)
		}
	}
}

// streak is what a batch did to an endpoint's row of failures.
type streak struct {
	// failures is how many it added, after its last success if it had one.
	failures int
	// last is the last attempt of them, whose event was not an operational one,
	// or nil.
	last *schedule.Settling
}

func streakOf(items []*schedule.Settling, endpoint string) streak {
	var s streak
	for _, it := range items {
		if it.Endpoint != endpoint || it.Attempt == nil {
			continue
		}
		switch it.Health {
		case store.HealthSuccess:
			s = streak{}
		case store.HealthFailure:
			s.failures++
			if !webhook.Reserved(it.EventType) {
				s.last = it
			}
		case store.HealthUnchanged:
		}
	}
	return s
}

// warn tells of each level that the batch has taken an endpoint's failures past.
// The number after it is the store's, over all processes, so that no level is
// crossed by two.
func (e *Engine) warn(s streak, h webhook.Health) {
	if s.last == nil {
		return
	}
	ep := &s.last.Job.Route.Endpoint
	limit := ep.AutoPauseAfter
	told := 0
	for _, percent := range warnAt {
		level := int(math.Ceil(float64(limit) * float64(percent) / 100))
		if level == told || level >= limit || h.Failures < level || h.Failures-s.failures >= level {
			continue
		}
		told = level
		e.report(s.last.Job, webhook.TypeEndpointWarning, strconv.Itoa(percent)+"/"+s.last.Attempt.ID, webhook.Snapshot{
			Failures: h.Failures, Percent: percent, LastAttempt: s.last.Attempt.Summary(),
			DeliveryID: s.last.Delivery, EventID: s.last.Job.Event, EventType: s.last.EventType,
		}.Of(ep))
	}
}

func (e *Engine) report(j *schedule.Job, kind, cause string, s webhook.Snapshot) {
	e.cfg.Report(webhook.Operational{Type: kind, Tenant: j.Tenant, At: clock.Now(), Cause: cause, Snapshot: s})
}

// reportExpired tells of what was canceled because it could not be sent in time,
// once for each endpoint.
func (e *Engine) reportExpired(expired []webhook.Delivery) {
	of := make(map[store.Lane]*webhook.Operational)
	var ops []*webhook.Operational
	for i := range expired {
		d := &expired[i]
		if webhook.Reserved(d.EventType) {
			continue
		}
		key := store.Lane{Tenant: d.Tenant, Endpoint: d.EndpointID}
		op := of[key]
		if op == nil {
			op = &webhook.Operational{
				Type: webhook.TypeDeliveryExpired, Tenant: d.Tenant, At: clock.Now(), Cause: d.ID,
				Snapshot: webhook.Snapshot{EndpointID: d.EndpointID, DeliveryID: d.ID, EventID: d.EventID, EventType: d.EventType},
			}
			of[key] = op
			ops = append(ops, op)
		}
		op.Count++
	}
	for _, op := range ops {
		e.cfg.Report(*op)
	}
}
