package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// Publish implements store.Publishing. Events on one shard are one transaction.
func (s *Store) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	parts, err := s.split(len(pubs),
		func(i int) string { return pubs[i].Event.Tenant },
		func(tenant string) (*shard, error) { return s.place(ctx, tenant) })
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	results := make([]store.PublishResult, len(pubs))
	committed := false
	for at, part := range parts {
		if len(part) == 0 {
			continue
		}
		answers, err := s.shards[at].publish(ctx, now, pubs, part)
		if err != nil {
			return nil, partly(err, committed)
		}
		committed = true
		for n, i := range part {
			results[i] = answers[n]
		}
	}
	return results, nil
}

// publish publishes those that are the shard's.
func (sh *shard) publish(ctx context.Context, now time.Time, pubs []store.Publication, part []int) ([]store.PublishResult, error) {
	own := make([]store.Publication, len(part))
	for n, i := range part {
		var err error
		if own[n] = pubs[i]; own[n].Epoch != 0 {
			if own[n].Epoch, err = sh.mustEpoch(ctx, pubs[i].Epoch); err != nil {
				return nil, fmt.Errorf("publish: %w", err)
			}
		}
	}
	return sh.Publish(ctx, now, own)
}

// Published implements store.Publishing.
func (s *Store) Published(ctx context.Context, events []store.EventKey) ([]store.EventKey, error) {
	return gather(ctx, s, events, tenantOfEvent, func(sh *shard, own []store.EventKey) ([]store.EventKey, error) {
		return sh.Published(ctx, own)
	})
}
