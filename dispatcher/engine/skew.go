package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

const (
	skewEvery = 15 * time.Second
	// skewWarned is the difference of clocks from which on it is warned of:
	// receivers refuse signatures that are five minutes old.
	skewWarned = time.Minute
)

// Skew returns how far the process's clock is ahead of the store's, to within the
// time of a round trip. It is zero for a store that has no clock of its own.
func Skew(ctx context.Context, st store.Store) (time.Duration, error) {
	clocked, ok := st.(store.Clocked)
	if !ok {
		return 0, nil
	}
	asked := clock.Now()
	there, err := clocked.Now(ctx)
	if err != nil {
		return 0, err
	}
	took := clock.Now().Sub(asked)
	return asked.Add(took / 2).Sub(there), nil
}

// watchClock warns while the process's clock is far from the store's. What is due
// and who holds a lease go by the store's clock; signatures carry the process's.
func (e *Engine) watchClock(ctx context.Context) {
	if _, ok := e.store.(store.Clocked); !ok {
		return
	}
	warned := false
	check := func() {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		skew, err := Skew(call, e.store)
		if err != nil {
			return // the heartbeat says so
		}
		e.skew.Store(int64(skew))
		far := skew.Abs() > skewWarned
		switch {
		case far && !warned:
			e.log.Warn("the clock is far from the database's; receivers may refuse signatures", zap.Duration("ahead", skew))
		case warned && !far:
			e.log.Info("the clock is near the database's again", zap.Duration("ahead", skew))
		}
		warned = far
	}
	check()
	every(ctx, skewEvery, check)
}
