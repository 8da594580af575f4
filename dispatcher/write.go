package dispatcher

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	maxPublishBatch = 256
	// unknownFor is how long the outcome of an unknown commit is asked for.
	unknownFor = 10 * time.Second
)

// flush writes a batch in one transaction. It runs on no caller's context: one
// who gives up must not take the others along.
func (s *shard) flush(calls []*publication) {
	taken := calls[:0]
	for _, p := range calls {
		if p.state.CompareAndSwap(publicationQueued, publicationTaken) {
			taken = append(taken, p)
		}
	}
	s.write(taken) // in their order: it is that of ordered deliveries
}

func (s *shard) write(calls []*publication) {
	if len(calls) == 0 {
		return
	}
	pubs := make([]store.Publication, len(calls))
	for i, p := range calls {
		pubs[i] = p.Publication
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	results, err := s.store.Publish(ctx, clock.Now(), pubs)
	if err != nil {
		s.telemetry.StoreFailed("publish")
	} else {
		s.telemetry.PublishBatch(len(pubs))
	}
	switch {
	case err == nil:
		s.published(calls, results)
	case errors.Is(err, store.ErrUnknown):
		// The callers wait for it, and nobody else should.
		go s.resolve(slices.Clone(calls), err)
	case batch.Transient(err) || len(calls) == 1:
		for _, p := range calls {
			p.fail(err)
		}
	default:
		// Something in the batch is refused. Halve it until that stands alone.
		half := len(calls) / 2
		s.write(calls[:half])
		s.write(calls[half:])
	}
}

// published hands over what was stored and answers the callers.
func (s *shard) published(calls []*publication, results []store.PublishResult) {
	e := s.engine.Load()
	for i, p := range calls {
		err := p.answer(results[i])
		if results[i].Outcome == store.PublishStored {
			p.handOver()
			p.stored(e)
			s.unfiltered(p)
		} else {
			p.unreserve()
		}
		if errors.Is(err, errStale) {
			s.directory.Outdate(p.Event.Tenant, p.Revision+1)
		}
		p.done <- err
	}
}

// resolve finds out what became of a batch whose commit was not answered: what
// is there was committed. What is not there may still be on its way, so its
// callers learn that nobody knows.
func (s *shard) resolve(calls []*publication, cause error) {
	keys := make([]store.EventKey, len(calls))
	for i, p := range calls {
		keys[i] = store.EventKey{Tenant: p.Event.Tenant, ID: p.Event.ID}
	}
	there := make(map[store.EventKey]bool)
	retry := batch.NewBackOff()
	for deadline := clock.Now().Add(unknownFor); clock.Now().Before(deadline); time.Sleep(retry.NextBackOff()) {
		ctx, cancel := context.WithTimeout(context.Background(), unknownFor)
		found, err := s.store.Published(ctx, keys)
		cancel()
		if err != nil {
			continue
		}
		for _, key := range found {
			there[key] = true
		}
		break
	}
	s.log.Warn("publish: a commit was not answered", zap.Int("events", len(calls)), zap.Int("stored", len(there)), zap.Error(cause))
	for i, p := range calls {
		if !there[keys[i]] {
			p.fail(cause)
			continue
		}
		p.receipt = webhook.Receipt{EventID: p.Event.ID, Deliveries: p.Pending()}
		p.handOver()
		s.unfiltered(p)
		p.done <- nil
	}
	s.wake()
}
