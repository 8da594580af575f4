package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// maxBatchBody is how much of an answer to a batch is kept for each of its members.
const maxBatchBody = 1 << 10

// deliverBatch makes one attempt at a batch. A batch that has no id yet is bound to
// one before it is sent, durably, so that whoever sends it again sends the same.
func (e *Engine) deliverBatch(j *schedule.Job) {
	switch {
	case j.Route.Endpoint.Deleted():
		e.giveUpBatch(j, webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted)
	case j.Crashes >= maxCrashes:
		e.giveUpBatch(j, webhook.DeliveryFailed, webhook.ReasonCrashed)
	case !e.loadBatch(j) || !e.pick(j):
	case !e.sched.Current(j):
		e.giveBackBatch(j)
	case j.Batch == "" && !e.bind(j), j.Batch != "" && j.Crashes > 0 && !e.markAllStarted(j):
		e.giveBackBatch(j)
	case !e.sched.Current(j): // it may have taken long to write
		e.giveBackBatch(j)
	default:
		e.attemptBatch(j)
	}
}

// loadBatch fetches the events of the members that were claimed. It reports false
// after giving the batch back because they could not be had.
func (e *Engine) loadBatch(j *schedule.Job) bool {
	var keys []store.EventKey
	for _, m := range j.Members {
		if m.Message == nil {
			keys = append(keys, store.EventKey{Tenant: m.Tenant, ID: m.Event})
		}
	}
	for len(keys) > 0 {
		n := min(len(keys), maxFetch)
		found, err := e.fetchMessages(keys[:n])
		if err != nil {
			e.cfg.Telemetry.StoreFailed("load_event")
			e.log.Warn("load the events of a batch", zap.String("batch", j.Batch), zap.Error(err))
			e.giveBackBatch(j)
			return false
		}
		for _, m := range j.Members {
			if msg := found[store.EventKey{Tenant: m.Tenant, ID: m.Event}]; m.Message == nil && msg != nil {
				m.Message = msg
			}
		}
		keys = keys[n:]
	}
	return true
}

// pick takes out of a batch what is not to be sent any more, and what is too much for
// one request. It reports false if nothing of it is left to be sent: a batch that is
// bound is never sent with other events than before, but taken apart.
func (e *Engine) pick(j *schedule.Job) bool {
	var ended []*schedule.Settling
	var left []*schedule.Job
	for _, m := range j.Members {
		m.Route = j.Route
		switch {
		case m.Message == nil:
			ended = append(ended, endOf(m, webhook.DeliveryCanceled, webhook.ReasonExpired))
		case j.Batch == "" && (m.Canceled || e.sched.Marked(m)):
			ended = append(ended, endOf(m, webhook.DeliveryCanceled, webhook.ReasonCanceledByHand))
		case e.tooOld(m):
			ended = append(ended, endOf(m, webhook.DeliveryFailed, webhook.ReasonTooOld))
		default:
			out := e.filtered(m)
			if out == nil {
				out = e.unshaped(m)
			}
			if out != nil {
				ended = append(ended, out)
			} else {
				left = append(left, m)
			}
		}
	}
	switch {
	case len(ended) == 0:
	case j.Batch != "" || len(left) == 0:
		for _, m := range left {
			out := &schedule.Settling{Job: m, Settled: returned(m.Claimed, clock.Now())}
			out.Unbind = true
			ended = append(ended, out)
		}
		e.finishBatch(j, lane.Neutral, ended)
		return false
	default:
		j.Members = left
		e.settles.Add(ended...)
	}
	if j.Batch == "" {
		e.trim(j)
	}
	return true
}

// unshaped makes the attempt of a member whose body cannot be made, which must not
// hold up the others; nil if it can.
func (e *Engine) unshaped(m *schedule.Job) *schedule.Settling {
	if m.Route.Endpoint.Transform == "" && len(m.Route.Endpoint.Anonymize) == 0 {
		return nil
	}
	if class := e.cfg.Sender.Shapes(e.sendCtx, m.Route, m.Message); class != webhook.ClassNone {
		return e.unsent(m, class)
	}
	return nil
}

// trim leaves to the next batch what is too much for one request.
func (e *Engine) trim(j *schedule.Job) {
	bytes := 0
	for i, m := range j.Members {
		if bytes += m.Message.Size(); bytes > lane.MaxBatchBytes && i > 0 {
			e.sched.Keep(j, i)
			return
		}
	}
}

// bind gives a batch its id. It reports false if that could not be written, or if a
// member has become another process's.
func (e *Engine) bind(j *schedule.Job) bool {
	id, err := e.cfg.Entropy.ID(webhook.PrefixBatch)
	if err != nil {
		e.log.Error("make a batch id", zap.Error(err))
		return false
	}
	bound, err := e.binds.Load(e.sendCtx, bindingKey{id, j})
	if err != nil {
		e.cfg.Telemetry.StoreFailed("bind")
		e.log.Warn("bind a batch", zap.Int("events", len(j.Members)), zap.Error(err))
	}
	if bound == nil {
		return false
	}
	j.Batch = id
	return true
}

// bindingKey names a batch that is to be bound.
type bindingKey struct {
	id  string
	job *schedule.Job
}

// writeBindings binds batches and returns those that are.
func (e *Engine) writeBindings(keys []bindingKey) (map[bindingKey]*string, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	batches := make([]store.Binding, len(keys))
	for i, key := range keys {
		batches[i] = store.Binding{ID: key.id, Tenant: key.job.Tenant, Members: membersOf(key.job)}
	}
	ids, err := e.store.Bind(ctx, e.epoch, batches)
	if err != nil {
		return nil, err
	}
	bound := make(map[string]bool, len(ids))
	for _, id := range ids {
		bound[id] = true
	}
	found := make(map[bindingKey]*string, len(ids))
	for _, key := range keys {
		if bound[key.id] {
			found[key] = &key.id
		}
	}
	return found, nil
}

// markAllStarted is markStarted for a batch that is bound.
func (e *Engine) markAllStarted(j *schedule.Job) bool {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	started, err := e.store.Start(ctx, e.epoch, membersOf(j))
	if err != nil {
		e.cfg.Telemetry.StoreFailed("start")
		e.log.Warn("mark a batch as started", zap.String("batch", j.Batch), zap.Error(err))
	}
	return len(started) == len(j.Members)
}

func membersOf(j *schedule.Job) []store.Held {
	members := make([]store.Held, len(j.Members))
	for i, m := range j.Members {
		members[i] = store.Held{Tenant: m.Tenant, Delivery: m.Delivery, Claim: m.Claim}
	}
	return members
}

// attemptBatch sends a batch and decides what the answer means for all its members.
func (e *Engine) attemptBatch(j *schedule.Job) {
	messages := make([]*send.Message, len(j.Members))
	done := 0
	var until time.Time
	for i, m := range j.Members {
		messages[i] = m.Message
		done = max(done, m.Attempts+1-m.Base)
		if young := e.youngUntil(m); i == 0 || young.IsZero() || !until.IsZero() && young.After(until) {
			until = young
		}
	}
	ctx, sending := e.startAttempt(j)
	x := e.send(ctx, j.Route, send.NewBatch(j.Batch, messages))
	out := decide(x.Answer, situation{
		at: x.At, done: done, endpoint: &j.Route.Endpoint, policy: e.policy(j.Members[0]), until: until, random: e.cfg.Entropy.JitterOf(j.Batch, done),
	})
	sending.End(outcomeFor(x, &out))
	x.Attempt.BatchID = j.Batch
	if len(x.Attempt.ResponseBody) > maxBatchBody {
		x.Attempt.ResponseBody, x.Attempt.Truncated = x.Attempt.ResponseBody[:maxBatchBody:maxBatchBody], true
	}
	outcomes := make([]*schedule.Settling, len(j.Members))
	for i, m := range j.Members {
		settled, err := e.outcomeOf(m, x.Attempt, &out)
		if err != nil {
			e.log.Error("make an attempt id", zap.Error(err))
			e.giveBackBatch(j)
			return
		}
		outcomes[i] = &schedule.Settling{Job: m, Settled: settled}
	}
	outcomes[0].Gone = out.gone
	e.finishBatch(j, out.result, outcomes)
}

// finishBatch hands the outcomes of a batch over to be settled as one. What it means
// for the endpoint is in the first: it was one request.
func (e *Engine) finishBatch(j *schedule.Job, r lane.Result, outcomes []*schedule.Settling) {
	for _, it := range outcomes {
		if it.Job.Ordered {
			it.Job.Route = j.Route
			e.keepOrder(it)
		}
	}
	first := outcomes[0]
	first.Sent, first.Rest = true, outcomes[1:]
	e.sched.Finish(j, r, first)
}

// giveUpBatch ends all deliveries of a batch without an attempt.
func (e *Engine) giveUpBatch(j *schedule.Job, status webhook.DeliveryStatus, reason webhook.Reason) {
	outcomes := make([]*schedule.Settling, len(j.Members))
	for i, m := range j.Members {
		m.Route = j.Route
		outcomes[i] = endOf(m, status, reason)
	}
	e.finishBatch(j, lane.Neutral, outcomes)
}

// giveBackBatch lets all deliveries of a batch wait again.
func (e *Engine) giveBackBatch(j *schedule.Job) {
	due := clock.Now().Add(giveBackDelay)
	outcomes := make([]*schedule.Settling, len(j.Members))
	for i, m := range j.Members {
		m.Route = j.Route
		outcomes[i] = &schedule.Settling{Job: m, Settled: returned(m.Claimed, due)}
	}
	e.finishBatch(j, lane.Neutral, outcomes)
}

// endOf is the end of a delivery without an attempt.
func endOf(j *schedule.Job, status webhook.DeliveryStatus, reason webhook.Reason) *schedule.Settling {
	out := &schedule.Settling{Job: j, Settled: store.Settled{
		Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint, Claim: j.Claim, Status: status, Reason: reason,
	}}
	if j.Message != nil {
		out.EventType = j.Message.EventType()
	}
	return out
}
