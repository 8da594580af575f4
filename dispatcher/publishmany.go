package dispatcher

import (
	"context"
	"errors"

	"github.com/postrider/postrider/dispatcher/directory"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/webhook"
)

// Published is the answer to one event of PublishMany.
type Published struct {
	webhook.Receipt
	Err error
}

// PublishMany publishes events together, which costs little more than
// publishing one, and returns an answer for each, in order. Every event stands
// for itself, as if it had been given to Publish. Ordered endpoints get them in
// the order of the slice, but for one whose idempotency key is in use by a
// transaction that goes on: it waits for that, and the others do not.
func (d *Dispatcher) PublishMany(ctx context.Context, events []webhook.Event) []Published {
	answers := make([]Published, len(events))
	told := make([]telemetry.Publish, len(events))
	pending := make([]*publication, len(events))
	calls := make(map[*shard][]*publication)
	dirs := make(directories)
	for i, ev := range events {
		_, told[i] = d.telemetry.StartPublish(ctx, &ev)
		ev.Trace = told[i].Trace()
		p, err := d.prepare(ctx, ev)
		if err == nil {
			err = d.charge(ctx, p, p.source())
		}
		if err == nil {
			if err = d.matchIn(ctx, p, dirs); err != nil {
				p.refund(ctx, p.source(), webhook.Receipt{}, err)
			}
		}
		if answers[i].Err = err; err == nil {
			pending[i] = p
			calls[p.shard] = append(calls[p.shard], p)
		}
	}
	for s, calls := range calls {
		s.publishes.Add(calls...)
	}
	for i, p := range pending {
		if p == nil {
			told[i].End(webhook.Receipt{}, answers[i].Err)
			continue
		}
		switch err := d.await(ctx, p); {
		case err == nil:
			answers[i].Receipt = p.receipt
		case errors.Is(err, errStale):
			answers[i].Receipt, answers[i].Err = d.publish(ctx, p)
		case errors.Is(err, errBusy):
			answers[i].Receipt, answers[i].Err = d.publishAlone(ctx, p)
		default:
			answers[i].Err = err
		}
		p.refund(ctx, p.source(), answers[i].Receipt, answers[i].Err)
		told[i].End(answers[i].Receipt, answers[i].Err)
	}
	return answers
}

// directories are those of the tenants of one call of PublishMany. All events of a
// tenant are matched at one revision, or one that is out of date could be stored
// after a later one that is not.
type directories map[string]*directory.Tenant

func (d *Dispatcher) matchIn(ctx context.Context, p *publication, dirs directories) error {
	dir := dirs[p.Event.Tenant]
	if dir == nil {
		var err error
		if dir, err = d.directory.Of(ctx, p.Event.Tenant); err != nil {
			return err
		}
		dirs[p.Event.Tenant] = dir
	}
	return d.address(ctx, p, dir, p.shard.engine.Load(), false)
}
