package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/directory"
	"github.com/postrider/postrider/dispatcher/engine"
	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// maxStale is how often an event is matched again because its tenant's endpoints
// changed at the same moment.
const maxStale = 100

// errBusy says that an idempotency key is being used by a transaction that goes on.
var errBusy = errors.New("idempotency key is in use")

// errUnsettled is returned after maxStale matches that were out of date.
var errUnsettled = fmt.Errorf("publish: %w: endpoints of the tenant keep changing", store.ErrUnavailable)

// Publish stores an event with a delivery for each endpoint of its tenant that
// subscribes to its type, and returns once both are durable.
//
// If events are published faster than this process delivers them to an endpoint
// that keeps up well, Publish takes up to 50 ms longer. A slow endpoint delays
// nobody.
//
// With an idempotency key it can be repeated: the same key with the same content
// gives the first receipt again; with other content it is
// webhook.ErrIdempotencyConflict. A tenant that is over a limit of its plan (see
// Config.Limits) gets a *webhook.QuotaError. Other errors are *webhook.InvalidError,
// also for data that the schema of the event's type refuses (code payload_invalid, the
// fields have JSON pointers) and types that are archived or unknown (see Config.UnknownTypes),
// store.ErrUnavailable (nothing is stored), and store.ErrUnknown (the outcome is
// not known, or ctx ended before it was; repeat with the idempotency key).
func (d *Dispatcher) Publish(ctx context.Context, ev webhook.Event) (webhook.Receipt, error) {
	ctx, told := d.telemetry.StartPublish(ctx, &ev)
	ev.Trace = told.Trace()
	r, err := d.publishCharged(ctx, ev)
	told.End(r, err)
	return r, err
}

func (d *Dispatcher) publishCharged(ctx context.Context, ev webhook.Event) (webhook.Receipt, error) {
	p, err := d.prepare(ctx, ev)
	if err == nil {
		err = d.charge(ctx, p, p.source())
	}
	if err != nil {
		return webhook.Receipt{}, err
	}
	r, err := d.publish(ctx, p)
	p.refund(ctx, p.source(), r, err)
	return r, err
}

// PublishTx publishes inside the host's transaction: the event is delivered if,
// and only if, the host commits. tx comes from the store's Tx method; that of a
// sharded store refuses events of other shards' tenants. Errors of the database
// are returned as they are, so that a host can recognise those that ask to repeat
// the transaction; else see Publish.
//
// Limits of the tenant's plan are not kept in the host's transaction where a
// database has several writers, so that nobody waits for it: that needs one free
// connection now and then, for a second at most; so does the key of a subject that is
// new, with Config.SealPayloads. What a transaction that is rolled
// back has used up may stay so.
func (d *Dispatcher) PublishTx(ctx context.Context, tx store.Tx, ev webhook.Event) (webhook.Receipt, error) {
	ctx, told := d.telemetry.StartPublish(ctx, &ev)
	ev.Trace = told.Trace()
	r, err := d.publishChargedTx(ctx, tx, ev)
	told.End(r, err)
	return r, err
}

func (d *Dispatcher) publishChargedTx(ctx context.Context, tx store.Tx, ev webhook.Event) (webhook.Receipt, error) {
	p, err := d.newPublication(ev)
	if err == nil {
		err = d.types.CheckIn(ctx, tx, &p.Event)
	}
	if err != nil {
		return webhook.Receipt{}, err
	}
	s, err := d.shardOfTx(ctx, tx)
	if err != nil {
		return webhook.Receipt{}, err
	}
	p.placeOn(s)
	reserver, undone := tx.Reserver()
	from := quota.Source{Reserver: reserver, Undone: undone}
	if err := d.chargeTx(ctx, p, from); err != nil {
		return webhook.Receipt{}, err
	}
	r, err := d.publishTx(ctx, tx, p)
	p.refund(ctx, from, r, err)
	return r, err
}

// EventsTx returns a page of a tenant's events with their payloads, newest first, as
// the host's transaction sees them: those that were published in it too, which nobody
// else sees before it commits. tx is as for PublishTx. No events are not an error;
// errors of the database are returned as they are.
func (d *Dispatcher) EventsTx(ctx context.Context, tx store.Tx, tenant string, page store.Page) ([]webhook.Event, error) {
	return d.vault.WrapTx(tx).Events(ctx, tenant, page)
}

func (d *Dispatcher) publishTx(ctx context.Context, tx store.Tx, p *publication) (r webhook.Receipt, err error) {
	dir := d.directory.Known(p.Event.Tenant)
	if dir == nil {
		// The transaction may be all of the database there is to be had.
		dir, err = d.directory.ReadFrom(ctx, tx, p.Event.Tenant)
	}
	for range maxStale {
		if err != nil {
			return webhook.Receipt{}, err
		}
		if err := d.address(ctx, p, dir, nil, false); err != nil {
			return webhook.Receipt{}, err
		}
		results, err2 := d.vault.WrapTx(tx).Publish(ctx, clock.Now(), []store.Publication{p.Publication})
		if err2 != nil {
			return webhook.Receipt{}, err2
		}
		if err := p.answer(results[0]); !errors.Is(err, errStale) {
			if e := p.shard.engine.Load(); e != nil {
				e.LookOut(p.due)
			}
			return p.receipt, err
		}
		dir, err = d.directory.ReadFrom(ctx, tx, p.Event.Tenant)
	}
	return webhook.Receipt{}, errUnsettled
}

// prepare checks an event and finds its shard. Nothing is matched yet.
func (d *Dispatcher) prepare(ctx context.Context, ev webhook.Event) (*publication, error) {
	p, err := d.newPublication(ev)
	if err == nil {
		err = d.types.Check(ctx, &p.Event)
	}
	if err != nil {
		return nil, err
	}
	return p, d.place(ctx, p)
}

// place finds the shard of a publication.
func (d *Dispatcher) place(ctx context.Context, p *publication) error {
	s, err := d.shardOf(ctx, p.Event.Tenant)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	p.placeOn(s)
	return nil
}

// newPublication checks an event and gives it its id and time.
func (d *Dispatcher) newPublication(ev webhook.Event) (*publication, error) {
	if len(ev.Data) > d.cfg.MaxPayload {
		return nil, webhook.Invalid("data", webhook.CodePayloadTooLarge,
			fmt.Sprintf("Event data must be at most %d bytes.", d.cfg.MaxPayload))
	}
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	return d.compose(ev)
}

// compose gives an event that was checked, or is the library's own, its id and
// time.
func (d *Dispatcher) compose(ev webhook.Event) (*publication, error) {
	at := clock.Now()
	due, err := d.dueAt(&ev, at)
	if err != nil {
		return nil, err
	}
	id, err := d.entropy.ID(webhook.PrefixEvent)
	if err != nil {
		return nil, err
	}
	ev.ID = id
	if ev.Timestamp.IsZero() {
		ev.Timestamp = at
	}
	// What is sent must not depend on whether it came from memory or from a
	// store, and stores keep microseconds.
	ev.Timestamp = ev.Timestamp.UTC().Truncate(time.Microsecond)
	// The frame has a copy of the payload, which is used from here on: the
	// caller may do with his bytes what he likes once Publish has returned.
	ev.Metadata, ev.Channels = maps.Clone(ev.Metadata), slices.Clone(ev.Channels)
	p := &publication{done: make(chan error, 1), due: due, msg: send.NewMessage(&ev)}
	ev.Data = p.msg.Data()
	p.Event = ev
	if ev.IdempotencyKey != "" {
		p.KeyExpires = at.Add(idempotencyFor)
	}
	return p, nil
}

// publish matches an event and waits until it is stored, as often as it takes.
func (d *Dispatcher) publish(ctx context.Context, p *publication) (webhook.Receipt, error) {
	for range maxStale {
		if err := d.match(ctx, p, true); err != nil {
			return webhook.Receipt{}, err
		}
		p.shard.publishes.Add(p)
		switch err := d.await(ctx, p); {
		case err == nil:
			return p.receipt, nil
		case errors.Is(err, errBusy):
			return d.publishAlone(ctx, p)
		case !errors.Is(err, errStale):
			return webhook.Receipt{}, err
		}
	}
	return webhook.Receipt{}, errUnsettled
}

// publishAlone publishes an event whose idempotency key is being used by a
// transaction of a host. It waits until that has ended, on its caller's context
// and at nobody else's cost.
func (d *Dispatcher) publishAlone(ctx context.Context, p *publication) (webhook.Receipt, error) {
	retry := batch.NewBackOff()
	for {
		if err := d.match(ctx, p, true); err != nil {
			return webhook.Receipt{}, err
		}
		p.state.Store(publicationTaken)
		p.shard.write([]*publication{p})
		switch err := d.await(ctx, p); {
		case err == nil:
			return p.receipt, nil
		case !errors.Is(err, errBusy) && !errors.Is(err, errStale):
			return webhook.Receipt{}, err
		}
		select {
		case <-ctx.Done():
			return webhook.Receipt{}, fmt.Errorf("publish: %w: a transaction that goes on has the idempotency key: %w",
				store.ErrUnavailable, ctx.Err())
		case <-time.After(retry.NextBackOff()):
		}
	}
}

// match finds the endpoints of an event and takes places in their lanes; a
// patient caller waits a moment for them where that pays.
func (d *Dispatcher) match(ctx context.Context, p *publication, patient bool) error {
	dir, err := d.directory.Of(ctx, p.Event.Tenant)
	if err != nil {
		return err
	}
	return d.address(ctx, p, dir, p.shard.engine.Load(), patient)
}

func (d *Dispatcher) address(ctx context.Context, p *publication, dir *directory.Tenant, e *engine.Engine, patient bool) error {
	eps, failed, err := d.filter(ctx, p, dir.Match(p.Event.Type, p.Event.Source, p.Event.Channels))
	if err != nil {
		return err
	}
	p.unfiltered = nil
	p.Revision, p.engine, p.Epoch = dir.Revision(), nil, 0
	p.Deliveries = make([]store.NewDelivery, len(eps))
	p.state.Store(publicationQueued)
	for i, ep := range eps {
		id, err := d.entropy.ID(webhook.PrefixDelivery)
		if err != nil {
			p.Deliveries = p.Deliveries[:i]
			p.unreserve()
			return err
		}
		p.Deliveries[i] = d.newDelivery(p, ep)
		p.Deliveries[i].ID = id
		if failed[ep] {
			p.Deliveries[i].Status, p.Deliveries[i].Reason = webhook.DeliveryFailed, webhook.ReasonFilterError
			p.unfiltered = append(p.unfiltered, unfiltered{id, ep})
		}
		if e == nil || !p.due.IsZero() || p.Deliveries[i].Ended() || p.Deliveries[i].Ordered {
			continue
		}
		reserve := e.Reserve
		if patient {
			reserve = e.ReserveSoon
		}
		if reserve(p.lane(i), id, p.Deliveries[i].Priority, p.msg.Size()) {
			p.Deliveries[i].HandOver = true
			p.engine, p.Epoch = e, e.Epoch()
		} else {
			patient = false // it has waited as long as it may
		}
	}
	return nil
}

// newDelivery returns how an event goes to an endpoint. What the event says comes
// first, then what the endpoint says, then the defaults of the event's type.
func (d *Dispatcher) newDelivery(p *publication, ep *webhook.Endpoint) store.NewDelivery {
	nd := store.NewDelivery{
		Endpoint: ep.ID,
		Due:      p.due,
		Priority: cmp.Or(p.Event.Priority, ep.Priority, d.types.Defaults(p.Event.Type).Priority, webhook.PriorityNormal),
	}
	if ep.Order.Enabled {
		nd.Ordered, nd.Key = true, p.Event.OrderingKey
		if ep.Batch.MaxEvents > 0 {
			nd.Key = "" // requests have events of any keys, so they are one sequence
		}
	}
	if ep.Status == webhook.EndpointPaused && ep.OnPaused == webhook.OnPausedSkip {
		nd.Status, nd.Reason = webhook.DeliverySkipped, webhook.ReasonEndpointPaused
	}
	return nd
}

// await returns a publication's answer. A caller who gives up before a flush
// has taken it has published nothing; after that, nobody can tell.
func (d *Dispatcher) await(ctx context.Context, p *publication) error {
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
	}
	if p.state.CompareAndSwap(publicationQueued, publicationAbandoned) {
		p.unreserve()
		return fmt.Errorf("publish: %w", ctx.Err())
	}
	select {
	case err := <-p.done:
		return err
	default:
		return fmt.Errorf("publish: %w: %w", store.ErrUnknown, ctx.Err())
	}
}
