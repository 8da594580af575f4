package storetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// writesRefused writes event and deliveries before it judges the key.
type writesRefused struct{ store.Store }

func (s *writesRefused) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	results, err := s.Store.Publish(ctx, now, pubs)
	for i, r := range results {
		if r.Outcome == store.PublishConflict || r.Outcome == store.PublishStale {
			p := pubs[i]
			p.Event.IdempotencyKey, p.Revision = "", math.MaxInt64
			if _, err := s.Store.Publish(ctx, now, []store.Publication{p}); err != nil {
				return nil, err
			}
		}
	}
	return results, err
}

// sendsSkipped has every delivery pending.
type sendsSkipped struct{ store.Store }

func (s *sendsSkipped) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	pubs = slices.Clone(pubs)
	for i := range pubs {
		pubs[i].Deliveries = slices.Clone(pubs[i].Deliveries)
		for j := range pubs[i].Deliveries {
			pubs[i].Deliveries[j].Status, pubs[i].Deliveries[j].Reason = "", ""
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}

// forgetsTraces keeps the trace of an event in the process that publishes it.
type forgetsTraces struct{ store.Store }

func (s *forgetsTraces) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	pubs = slices.Clone(pubs)
	for i := range pubs {
		pubs[i].Event.Trace = webhook.TraceContext{}
	}
	return s.Store.Publish(ctx, now, pubs)
}

// oneByOne has no transaction around a batch.
type oneByOne struct{ store.Store }

func (s *oneByOne) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	var results []store.PublishResult
	for i := range pubs {
		r, err := s.Store.Publish(ctx, now, pubs[i:i+1])
		if err != nil {
			return nil, err
		}
		results = append(results, r...)
	}
	return results, nil
}

// ownKeys remembers keys in the process.
type ownKeys struct{ store.Store }

func (s *ownKeys) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	pubs = slices.Clone(pubs)
	for i := range pubs {
		if key := &pubs[i].Event.IdempotencyKey; *key != "" {
			*key = fmt.Sprintf("%s of %p", *key, s)
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}

// compacting keeps payloads in a column of the type JSON.
type compacting struct{ store.Store }

func (s *compacting) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	pubs = slices.Clone(pubs)
	for i := range pubs {
		var b bytes.Buffer
		if json.Compact(&b, pubs[i].Event.Data) == nil {
			pubs[i].Event.Data = b.Bytes()
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}
