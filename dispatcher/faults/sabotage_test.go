package faults_test

import (
	"context"
	"time"

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
)

// of returns the store as a child of this kind sees it.
func (s sabotage) of(st store.Store) store.Store {
	switch s {
	case earlyPublish:
		return &earlyStore{st}
	case lostSettle:
		return &forgetfulStore{st}
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

type forgetfulStore struct{ store.Store }

func (s *forgetfulStore) Settle(context.Context, time.Time, store.Settlement) (store.SettleResult, error) {
	return store.SettleResult{}, nil
}
