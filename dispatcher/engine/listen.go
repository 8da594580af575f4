package engine

import (
	"context"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/store"
)

// listen wakes the claim loop when another process has stored something. Where
// there are no announcements, polling does.
func (e *Engine) listen(ctx context.Context) {
	st, ok := e.store.(store.Announcing)
	if !ok {
		return
	}
	retry := batch.NewBackOff()
	for ctx.Err() == nil {
		if err := st.Await(ctx); err == nil {
			retry.Reset()
			e.claims.wake()
			continue
		} else if ctx.Err() == nil {
			e.log.Warn("listen for what others publish; repeating", zap.Error(err))
		}
		sleep(ctx, retry.NextBackOff())
	}
}
