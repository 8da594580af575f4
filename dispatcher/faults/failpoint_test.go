package faults_test

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
)

// failpoint is a place where a child kills itself: before or after a call to the
// store.
type failpoint struct {
	Call  string `json:"call"`
	After bool   `json:"after,omitempty"`
	// Nth is the call that it happens at, from 1.
	Nth int64 `json:"nth"`
}

// failpoints are, in order: before the commit of a publish, after it and before
// the answer, after a claim, before a delivery that was in hand at a crash is
// sent, after a send and before it is written down, and after that.
var failpoints = []failpoint{
	{Call: "publish"},
	{Call: "publish", After: true},
	{Call: "poll", After: true},
	{Call: "start", After: true},
	{Call: "settle"},
	{Call: "settle", After: true},
}

// mortalStore is a store whose process dies at a failpoint.
type mortalStore struct {
	store.Store
	at    failpoint
	calls atomic.Int64
}

func (s *mortalStore) reach(call string, after bool) {
	if call != s.at.Call || after != s.at.After || s.calls.Add(1) != s.at.Nth {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // the signal is on its way
}

func (s *mortalStore) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	s.reach("publish", false)
	defer s.reach("publish", true)
	return s.Store.Publish(ctx, now, pubs)
}

func (s *mortalStore) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	claimed, next, err := s.Store.Poll(ctx, now, epoch, limit, admit)
	if len(claimed) > 0 {
		s.reach("poll", true)
	}
	return claimed, next, err
}

func (s *mortalStore) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	defer s.reach("start", true)
	return s.Store.Start(ctx, epoch, rows)
}

func (s *mortalStore) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	s.reach("bind", false)
	defer s.reach("bind", true)
	return s.Store.Bind(ctx, epoch, batches)
}

func (s *mortalStore) Settle(ctx context.Context, now time.Time, settlement store.Settlement) (store.SettleResult, error) {
	s.reach("settle", false)
	defer s.reach("settle", true)
	return s.Store.Settle(ctx, now, settlement)
}
