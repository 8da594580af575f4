package dispatcher

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher/engine"
	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// errStale says that a publication must be matched again.
var errStale = errors.New("endpoints changed")

// publication is one call of Publish on its way to the store.
type publication struct {
	store.Publication
	// shard is where the event's tenant is.
	shard *shard
	// engine is where deliveries are handed over to, or nil.
	engine *engine.Engine
	msg    *send.Message
	// verdicts are those of filters, and unfiltered the deliveries whose filters failed.
	verdicts   verdicts
	unfiltered []unfiltered
	// token is what it has used up of its tenant's quotas.
	token quota.Token
	// due is when the first attempts are due; zero is at once.
	due time.Time
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

// placeOn says where the event's tenant is, whose key its content is hashed with.
func (p *publication) placeOn(s *shard) {
	p.shard = s
	if p.Event.IdempotencyKey != "" {
		p.ContentHash = contentHash(*s.hashKey.Load(), &p.Event)
	}
}

func (p *publication) lane(i int) store.Lane {
	return store.Lane{Tenant: p.Event.Tenant, Endpoint: p.Deliveries[i].Endpoint}
}

// unreserve gives back the places of a publication that was not stored.
func (p *publication) unreserve() {
	for i := range p.Deliveries {
		if p.Deliveries[i].HandOver {
			p.engine.Unreserve(p.lane(i), p.Deliveries[i].ID, p.Deliveries[i].Priority, p.msg.Size())
		}
	}
}

// answer turns the store's result into the caller's.
func (p *publication) answer(r store.PublishResult) error {
	switch r.Outcome {
	case store.PublishStale:
		return errStale
	case store.PublishConflict:
		return fmt.Errorf("publish: %w", webhook.ErrIdempotencyConflict)
	case store.PublishBusy:
		return errBusy
	}
	p.receipt = r.Receipt
	return nil
}

// handOver queues what was written leased to us.
func (p *publication) handOver() {
	var jobs []*schedule.Job
	for i := range p.Deliveries {
		dl := &p.Deliveries[i]
		if !dl.HandOver {
			continue
		}
		jobs = append(jobs, &schedule.Job{
			Claimed: store.Claimed{
				Tenant: p.Event.Tenant, Delivery: dl.ID, Endpoint: dl.Endpoint, Event: p.Event.ID, Claim: 1,
				Priority: dl.Priority,
			},
			Message: p.msg, Reserved: p.msg.Size(),
		})
	}
	if jobs != nil {
		p.engine.Push(jobs)
	}
}

// stored makes an engine claim what had no place when it was written.
func (p *publication) stored(e *engine.Engine) {
	if e == nil {
		return
	}
	if !p.due.IsZero() {
		e.NoteDue(p.due)
		return
	}
	for i := range p.Deliveries {
		if !p.Deliveries[i].HandOver && !p.Deliveries[i].Ended() {
			e.Stored(p.lane(i), p.Deliveries[i].Priority)
		}
	}
}

func (p *publication) fail(err error) {
	p.unreserve()
	p.done <- err
}
