package faults_test

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
)

// sabotage names a way in which a child's store lies, or is empty. The tests must
// find out.
type sabotage string

const (
	// earlyPublish answers a publish before it is written.
	earlyPublish sabotage = "early-publish"
	// lostSettle answers a settle and never writes it.
	lostSettle sabotage = "lost-settle"
	// noFence never loses a lease, and writes outcomes of deliveries that others
	// have taken over. It is for PostgreSQL.
	noFence sabotage = "no-fence"
	// looseBatches answers that batches are bound and binds none.
	looseBatches sabotage = "loose-batches"
	// noOrder forgets that deliveries keep an order.
	noOrder sabotage = "no-order"
	// ownClock judges leases by the clock of its process. It is for PostgreSQL.
	ownClock sabotage = "own-clock"
	// twoSteps redelivers in one transaction and moves the job's cursor in another.
	twoSteps sabotage = "two-steps"
)

// of returns the store as a child of this kind sees it.
func (s sabotage) of(st store.Store, pool *pgxpool.Pool, schema string) store.Store {
	switch s {
	case earlyPublish:
		return &earlyStore{st}
	case lostSettle:
		return &forgetfulStore{st}
	case looseBatches:
		return &looseStore{st}
	case noFence:
		return &fencelessStore{st, pool, schema}
	case noOrder:
		return &disorderlyStore{st}
	case ownClock:
		return &clockStore{st, pool, schema}
	case twoSteps:
		return &twoStepStore{st}
	}
	return st
}

type earlyStore struct{ store.Store }

// writesAfter is how late an earlyStore writes.
const writesAfter = 200 * time.Millisecond

func (s *earlyStore) Publish(_ context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	results := make([]store.PublishResult, len(pubs))
	for i, p := range pubs {
		results[i].Receipt.EventID, results[i].Receipt.Deliveries = p.Event.ID, len(p.Deliveries)
	}
	time.AfterFunc(writesAfter, func() { _, _ = s.Store.Publish(context.Background(), now, pubs) })
	return results, nil
}

type looseStore struct{ store.Store }

func (s *looseStore) Bind(_ context.Context, _ int64, batches []store.Binding) ([]string, error) {
	var ids []string
	for _, b := range batches {
		ids = append(ids, b.ID)
	}
	return ids, nil
}

type forgetfulStore struct{ store.Store }

func (s *forgetfulStore) Settle(context.Context, time.Time, store.Settlement) (store.SettleResult, error) {
	return store.SettleResult{}, nil
}

type disorderlyStore struct{ store.Store }

func (s *disorderlyStore) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	for i := range pubs {
		for j := range pubs[i].Deliveries {
			pubs[i].Deliveries[j].Ordered = false
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}

type fencelessStore struct {
	store.Store
	pool   *pgxpool.Pool
	schema string
}

func (s *fencelessStore) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	err := s.Store.Renew(ctx, now, epoch, ttl)
	if errors.Is(err, store.ErrLeaseLost) {
		return nil
	}
	return err
}

func (s *fencelessStore) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	for _, it := range st.Items {
		if _, err := s.pool.Exec(ctx, `UPDATE `+s.schema+`.queue SET owner = $1, claims = $2 WHERE delivery = $3`,
			st.Epoch, it.Claim, it.Delivery); err != nil {
			return store.SettleResult{}, err
		}
	}
	return s.Store.Settle(ctx, now, st)
}

type clockStore struct {
	store.Store
	pool   *pgxpool.Pool
	schema string
}

func (s *clockStore) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	if _, err := s.pool.Exec(ctx, `DELETE FROM `+s.schema+`.processes WHERE expires_at < $1 AND epoch <> $2`,
		now.UnixMicro(), epoch); err != nil {
		return 0, err
	}
	return s.Store.Reap(ctx, now, epoch, ttl, limit)
}
