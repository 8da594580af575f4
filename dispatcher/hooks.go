package dispatcher

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
)

const (
	// maxHookCalls bounds the calls of a hook that wait.
	maxHookCalls = 4096
	// hookTimeout is when the context of a call of a hook ends.
	hookTimeout = 10 * time.Second
)

// hooks calls a function of the host, one call after the other, on a goroutine of its
// own that lives while there is something to tell. What the function does is its own
// affair: it may be slow, panic or never return.
type hooks struct {
	// name is that of the function in Config.
	name    string
	log     *zap.Logger
	calls   *batch.Batcher[func(context.Context)]
	waiting atomic.Int64
}

func newHooks(name string, log *zap.Logger) *hooks {
	h := &hooks{name: name, log: log}
	h.calls = batch.NewBatcher(1, func(calls []func(context.Context)) { h.call(calls[0]) })
	return h
}

// add queues a call. It does not wait, and reports false if too many do already.
func (h *hooks) add(call func(context.Context)) bool {
	if h.waiting.Add(1) > maxHookCalls {
		h.waiting.Add(-1)
		return false
	}
	h.calls.Add(call)
	return true
}

func (h *hooks) call(call func(context.Context)) {
	defer h.waiting.Add(-1)
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("Config."+h.name+" panicked", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), hookTimeout)
	defer cancel()
	call(ctx)
}
