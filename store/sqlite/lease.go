package sqlite

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// lease is the right to deliver from the file, while this Store has it.
type lease struct {
	path string // of the lock, or "" for a database in memory

	mu    sync.Mutex
	held  bool
	epoch int64
	lock  io.Closer
}

// take takes the lock, or returns store.ErrLeaseHeld.
func (l *lease) take() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return store.ErrLeaseHeld
	}
	if l.path != "" {
		lock, err := tryLock(l.path)
		if err != nil {
			return err
		}
		l.lock = lock
	}
	l.held, l.epoch = true, 0
	return nil
}

// named notes the epoch that the lock was taken for.
func (l *lease) named(epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch = epoch
}

// drop gives the lock back if it is held for this epoch.
func (l *lease) drop(epoch int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held || l.epoch != epoch {
		return nil
	}
	l.held = false
	if l.lock == nil {
		return nil
	}
	lock := l.lock
	l.lock = nil
	return lock.Close()
}

// close gives the lock back, whatever it is held for.
func (l *lease) close() error {
	l.mu.Lock()
	epoch := l.epoch
	l.mu.Unlock()
	return l.drop(epoch)
}

// Acquire implements store.Leases. The lease is held until Resign, Close or the
// end of the process; time does not end it.
func (s *Store) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	if err := s.lease.take(); err != nil {
		return 0, err
	}
	epoch, err := s.Store.Acquire(ctx, now, p, ttl)
	if err != nil {
		_ = s.lease.drop(0) // the first error says more
		return 0, err
	}
	s.lease.named(epoch)
	return epoch, nil
}

// Resign implements store.Leases. The lock is given back even if the lease
// cannot be written off: whoever takes it next voids what the epoch held.
func (s *Store) Resign(ctx context.Context, now time.Time, epoch int64) error {
	err := s.Store.Resign(ctx, now, epoch)
	return errors.Join(err, s.lease.drop(epoch))
}
