package sharded_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var now = time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)

// publication returns a new event without deliveries.
func publication(tenant string) store.Publication {
	return store.Publication{Event: webhook.Event{
		ID: webhook.NewID(webhook.PrefixEvent), Tenant: tenant, Type: "a", Data: []byte("1"), Timestamp: now,
	}}
}

// shard is a store as one process sees it, whose connection can fail. fault is
// asked before and after each call that places tenants or publishes, and answers
// nil to let it be; after a call the store has done what it was asked.
type shard struct {
	store.Store
	mu    sync.Mutex
	fault func(ctx context.Context, call string, after bool) error
}

func (s *shard) setFault(fault func(ctx context.Context, call string, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// dead refuses everything at once.
func dead(_ context.Context, call string, _ bool) error {
	return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
}

// hanging answers nothing before its caller gives up.
func hanging(ctx context.Context, call string, _ bool) error {
	<-ctx.Done()
	return fmt.Errorf("%s: %w: %w", call, store.ErrUnavailable, ctx.Err())
}

func call[T any](ctx context.Context, s *shard, name string, do func() (T, error)) (T, error) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault == nil {
		return do()
	}
	var none T
	if err := fault(ctx, name, false); err != nil {
		return none, err
	}
	value, err := do()
	if err == nil {
		if err = fault(ctx, name, true); err != nil {
			return none, err
		}
	}
	return value, err
}

func (s *shard) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	return call(ctx, s, "setting", func() ([]byte, error) { return s.Store.Setting(ctx, name, initial) })
}

func (s *shard) TenantEndpoints(ctx context.Context, tenant string, after int64) (eps []store.EndpointRecord, revision int64, err error) {
	revision, err = call(ctx, s, "read endpoints", func() (int64, error) {
		eps, revision, err = s.Store.TenantEndpoints(ctx, tenant, after)
		return revision, err
	})
	return eps, revision, err
}

func (s *shard) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	return call(ctx, s, "list events", func() ([]webhook.Event, error) { return s.Store.ListEvents(ctx, tenant, page) })
}

func (s *shard) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	return call(ctx, s, "publish", func() ([]store.PublishResult, error) { return s.Store.Publish(ctx, now, pubs) })
}

func (s *shard) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	return call(ctx, s, "acquire lease", func() (int64, error) { return s.Store.Acquire(ctx, now, p, ttl) })
}
