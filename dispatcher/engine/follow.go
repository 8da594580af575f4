package engine

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const (
	// followEvery is how often changes made by other processes are looked for:
	// a pause or a deletion stops sends everywhere within a second.
	followEvery = 500 * time.Millisecond
	followLimit = 200
)

// followChanges keeps lanes and directories in step with the configuration that
// other processes write, until ctx ends. It goes on from the cursor that was
// read before the engine had any lane: what changed before is in every lane.
func (e *Engine) followChanges(ctx context.Context) {
	every(ctx, followEvery, func() {
		next, err := e.applyChanges(ctx, e.cursor)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("follow endpoint changes; repeating", zap.Error(err))
		}
		e.cursor = next
	})
}

func (e *Engine) applyChanges(ctx context.Context, cursor int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for {
		records, next, err := e.store.ChangedEndpoints(ctx, cursor, followLimit)
		if err != nil {
			return cursor, err
		}
		for i := range records {
			e.cfg.Changed(&records[i].Endpoint)
		}
		cursor = next
		if len(records) < followLimit {
			return cursor, nil
		}
	}
}
