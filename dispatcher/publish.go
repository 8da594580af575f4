package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	maxPublishBatch = 256
	// maxStale is how often an event is matched again because its tenant's
	// endpoints changed at the same moment.
	maxStale = 100
	// unknownFor is how long the outcome of an unknown commit is asked for.
	unknownFor = 10 * time.Second
)

// errStale says that a publication must be matched again.
var errStale = errors.New("endpoints changed")

// publication is one call of Publish on its way to the store.
type publication struct {
	store.Publication
	// engine is where deliveries are handed over to, or nil.
	engine *engine
	msg    *message
	// open says that a delivery that is not handed over could be claimed.
	open bool
	// state says whether a flush has taken it or its caller has given up.
	state atomic.Int32
	done  chan error
	// receipt is set if done gets nil.
	receipt webhook.Receipt
}

const (
	publicationQueued int32 = iota
	publicationTaken
	publicationAbandoned
)

// Publish stores an event with a delivery for each endpoint of its tenant that
// subscribes to its type, and returns once both are durable.
//
// With an idempotency key it can be repeated: the same key with the same content
// gives the first receipt again; with other content it is
// webhook.ErrIdempotencyConflict. Other errors are *webhook.InvalidError,
// store.ErrUnavailable (nothing is stored), and store.ErrUnknown (the outcome is
// not known, or ctx ended before it was; repeat with the idempotency key).
func (d *Dispatcher) Publish(ctx context.Context, ev webhook.Event) (webhook.Receipt, error) {
	p, err := d.prepare(ev)
	if err != nil {
		return webhook.Receipt{}, err
	}
	return d.publish(ctx, p)
}

// Published is the answer to one event of PublishMany.
type Published struct {
	webhook.Receipt
	Err error
}

// PublishMany publishes events together, which costs little more than
// publishing one, and returns an answer for each, in order. Every event stands
// for itself, as if it had been given to Publish.
func (d *Dispatcher) PublishMany(ctx context.Context, events []webhook.Event) []Published {
	answers := make([]Published, len(events))
	pending := make([]*publication, len(events))
	var batch []*publication
	for i, ev := range events {
		p, err := d.prepare(ev)
		if err == nil {
			err = d.match(ctx, p)
		}
		if answers[i].Err = err; err == nil {
			pending[i] = p
			batch = append(batch, p)
		}
	}
	d.publishes.add(batch...)
	for i, p := range pending {
		if p == nil {
			continue
		}
		switch err := d.await(ctx, p); {
		case err == nil:
			answers[i].Receipt = p.receipt
		case errors.Is(err, errStale):
			answers[i].Receipt, answers[i].Err = d.publish(ctx, p)
		default:
			answers[i].Err = err
		}
	}
	return answers
}

// PublishTx publishes inside the host's transaction: the event is delivered if,
// and only if, the host commits. tx comes from the store's Tx method. Errors of
// the database are returned as they are, so that a host can recognise those
// that ask to repeat the transaction; else see Publish.
func (d *Dispatcher) PublishTx(ctx context.Context, tx store.Tx, ev webhook.Event) (webhook.Receipt, error) {
	p, err := d.prepare(ev)
	if err != nil {
		return webhook.Receipt{}, err
	}
	dir, err := d.directory.of(ctx, ev.Tenant)
	if err != nil {
		// The transaction may be all of the database there is to be had.
		dir, err = d.directory.readFrom(ctx, tx, ev.Tenant)
	}
	for range maxStale {
		if err != nil {
			return webhook.Receipt{}, err
		}
		if err := d.address(p, dir, nil); err != nil {
			return webhook.Receipt{}, err
		}
		results, err2 := tx.Publish(ctx, now(), []store.Publication{p.Publication})
		if err2 != nil {
			return webhook.Receipt{}, err2
		}
		if err := p.answer(results[0]); !errors.Is(err, errStale) {
			if e := d.engine.Load(); e != nil {
				e.claims.lookOut()
			}
			return p.receipt, err
		}
		dir, err = d.directory.readFrom(ctx, tx, ev.Tenant)
	}
	return webhook.Receipt{}, fmt.Errorf("publish: %w: endpoints of the tenant keep changing", store.ErrUnavailable)
}

// prepare checks an event and gives it its id and time. Nothing is matched yet.
func (d *Dispatcher) prepare(ev webhook.Event) (*publication, error) {
	if len(ev.Data) > d.cfg.MaxPayload {
		return nil, webhook.Invalid("data", webhook.CodePayloadTooLarge,
			fmt.Sprintf("Event data must be at most %d bytes.", d.cfg.MaxPayload))
	}
	if err := ev.Validate(); err != nil {
		return nil, err
	}
	id, err := d.entropy.id(webhook.PrefixEvent)
	if err != nil {
		return nil, err
	}
	at := now()
	ev.ID = id
	if ev.Timestamp.IsZero() {
		ev.Timestamp = at
	}
	// What is sent must not depend on whether it came from memory or from a
	// store, and stores keep microseconds.
	ev.Timestamp = ev.Timestamp.UTC().Truncate(time.Microsecond)
	// The frame has a copy of the payload, which is used from here on: the
	// caller may do with his bytes what he likes once Publish has returned.
	p := &publication{done: make(chan error, 1), msg: newMessage(&ev)}
	ev.Data, ev.Metadata = p.msg.data(), maps.Clone(ev.Metadata)
	p.Event = ev
	if ev.IdempotencyKey != "" {
		p.ContentHash = contentHash(d.hashKey, &ev)
		p.KeyExpires = at.Add(idempotencyFor)
	}
	return p, nil
}

// publish matches an event and waits until it is stored, as often as it takes.
func (d *Dispatcher) publish(ctx context.Context, p *publication) (webhook.Receipt, error) {
	for range maxStale {
		if err := d.match(ctx, p); err != nil {
			return webhook.Receipt{}, err
		}
		d.publishes.add(p)
		switch err := d.await(ctx, p); {
		case err == nil:
			return p.receipt, nil
		case !errors.Is(err, errStale):
			return webhook.Receipt{}, err
		}
	}
	return webhook.Receipt{}, fmt.Errorf("publish: %w: endpoints of the tenant keep changing", store.ErrUnavailable)
}

// match finds the endpoints of an event and takes places in their lanes.
func (d *Dispatcher) match(ctx context.Context, p *publication) error {
	dir, err := d.directory.of(ctx, p.Event.Tenant)
	if err != nil {
		return err
	}
	return d.address(p, dir, d.engine.Load())
}

func (d *Dispatcher) address(p *publication, dir *tenantDirectory, e *engine) error {
	ids := dir.match(p.Event.Type)
	p.Revision, p.engine, p.Epoch, p.open = dir.revision, nil, 0, false
	p.Deliveries = make([]store.NewDelivery, len(ids))
	p.state.Store(publicationQueued)
	for i, endpoint := range ids {
		id, err := d.entropy.id(webhook.PrefixDelivery)
		if err != nil {
			p.Deliveries = p.Deliveries[:i]
			p.unreserve()
			return err
		}
		p.Deliveries[i] = store.NewDelivery{ID: id, Endpoint: endpoint}
		if e == nil {
			continue
		}
		ok, open := e.sched.reserve(p.lane(i), id, p.msg.size())
		if ok {
			p.Deliveries[i].HandOver = true
			p.engine, p.Epoch = e, e.epoch
		}
		p.open = p.open || open && !ok
	}
	return nil
}

func (p *publication) lane(i int) store.Lane {
	return store.Lane{Tenant: p.Event.Tenant, Endpoint: p.Deliveries[i].Endpoint}
}

// unreserve gives back the places of a publication that was not stored.
func (p *publication) unreserve() {
	for i := range p.Deliveries {
		if p.Deliveries[i].HandOver {
			p.engine.sched.unreserve(p.lane(i), p.Deliveries[i].ID, p.msg.size())
		}
	}
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

// flushPublications writes a batch in one transaction. It runs on no caller's
// context: one who gives up must not take the others along.
func (d *Dispatcher) flushPublications(batch []*publication) {
	taken := batch[:0]
	for _, p := range batch {
		if p.state.CompareAndSwap(publicationQueued, publicationTaken) {
			taken = append(taken, p)
		}
	}
	// Every process takes idempotency keys in the same order, or two would
	// wait for each other. What has the same key, or none, keeps its order.
	slices.SortStableFunc(taken, func(a, b *publication) int {
		return cmp.Or(cmp.Compare(a.Event.Tenant, b.Event.Tenant),
			cmp.Compare(a.Event.IdempotencyKey, b.Event.IdempotencyKey))
	})
	d.write(taken)
}

func (d *Dispatcher) write(batch []*publication) {
	if len(batch) == 0 {
		return
	}
	pubs := make([]store.Publication, len(batch))
	for i, p := range batch {
		pubs[i] = p.Publication
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	results, err := d.store.Publish(ctx, now(), pubs)
	switch {
	case err == nil:
		d.published(batch, results)
	case errors.Is(err, store.ErrUnknown):
		// The callers wait for it, and nobody else should.
		go d.resolve(slices.Clone(batch), err)
	case transient(err) || len(batch) == 1:
		for _, p := range batch {
			p.fail(err)
		}
	default:
		// Something in the batch is refused. Halve it until that stands alone.
		half := len(batch) / 2
		d.write(batch[:half])
		d.write(batch[half:])
	}
}

// published hands over what was stored and answers the callers.
func (d *Dispatcher) published(batch []*publication, results []store.PublishResult) {
	claimable := false
	for i, p := range batch {
		err := p.answer(results[i])
		if results[i].Outcome == store.PublishStored {
			p.handOver()
			claimable = claimable || p.open
		} else {
			p.unreserve()
		}
		if errors.Is(err, errStale) {
			d.directory.outdate(p.Event.Tenant, p.Revision+1)
		}
		p.done <- err
	}
	if claimable {
		d.wake()
	}
}

// wake makes the claim loop look for what was stored without a hand-over.
func (d *Dispatcher) wake() {
	if e := d.engine.Load(); e != nil {
		e.claims.wake()
	}
}

// answer turns the store's result into the caller's.
func (p *publication) answer(r store.PublishResult) error {
	switch r.Outcome {
	case store.PublishStale:
		return errStale
	case store.PublishConflict:
		return fmt.Errorf("publish: %w", webhook.ErrIdempotencyConflict)
	}
	p.receipt = r.Receipt
	return nil
}

// handOver queues what was written leased to us.
func (p *publication) handOver() {
	var jobs []*job
	for i := range p.Deliveries {
		dl := &p.Deliveries[i]
		if !dl.HandOver {
			continue
		}
		jobs = append(jobs, &job{
			Claimed: store.Claimed{
				Tenant: p.Event.Tenant, Delivery: dl.ID, Endpoint: dl.Endpoint, Event: p.Event.ID, Claim: 1,
			},
			epoch: p.Epoch, msg: p.msg, reserved: p.msg.size(),
		})
	}
	if jobs != nil {
		p.engine.sched.push(jobs)
	}
}

func (p *publication) fail(err error) {
	p.unreserve()
	p.done <- err
}

// resolve finds out what became of a batch whose commit was not answered: what
// is there was committed. What is not there may still be on its way, so its
// callers learn that nobody knows.
func (d *Dispatcher) resolve(batch []*publication, cause error) {
	keys := make([]store.EventKey, len(batch))
	for i, p := range batch {
		keys[i] = store.EventKey{Tenant: p.Event.Tenant, ID: p.Event.ID}
	}
	there := make(map[store.EventKey]bool)
	retry := newStoreBackoff()
	for deadline := now().Add(unknownFor); now().Before(deadline); time.Sleep(retry.NextBackOff()) {
		ctx, cancel := context.WithTimeout(context.Background(), unknownFor)
		found, err := d.store.Published(ctx, keys)
		cancel()
		if err != nil {
			continue
		}
		for _, key := range found {
			there[key] = true
		}
		break
	}
	d.log.Warn("publish: a commit was not answered", zap.Int("events", len(batch)), zap.Int("stored", len(there)), zap.Error(cause))
	for i, p := range batch {
		if !there[keys[i]] {
			p.fail(cause)
			continue
		}
		p.receipt = webhook.Receipt{EventID: p.Event.ID, Deliveries: len(p.Deliveries)}
		p.handOver()
		p.done <- nil
	}
	d.wake()
}
