package batch

import (
	"runtime"
	"sync"
)

// Batcher collects items by natural batching: a batch is what was added while
// the batch before it was being flushed, so that a lone item never waits and
// many share a transaction. One flush runs at a time, on a goroutine that lives
// only while there is something to flush. It is safe for concurrent use.
type Batcher[T any] struct {
	limit int
	flush func([]T)

	mu      sync.Mutex
	queue   []T
	running bool
	idle    sync.Cond
}

// NewBatcher returns a batcher that gives what was added to flush, in the order
// it was added, at most limit items at a time.
func NewBatcher[T any](limit int, flush func([]T)) *Batcher[T] {
	b := &Batcher[T]{limit: limit, flush: flush}
	b.idle.L = &b.mu
	return b
}

// Add queues items to be flushed. It does not wait.
func (b *Batcher[T]) Add(items ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, items...)
	if !b.running {
		b.running = true
		go b.run()
	}
}

func (b *Batcher[T]) run() {
	for {
		// Let those that the last flush has just answered add what they have
		// next: the batch grows, and nobody waits for it.
		runtime.Gosched()
		batch := b.take()
		if batch == nil {
			return
		}
		b.flush(batch)
	}
}

func (b *Batcher[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), b.limit)
	if n == 0 {
		b.queue, b.running = nil, false
		b.idle.Broadcast()
		return nil
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	return batch
}

// Wait returns when nothing is queued or being flushed.
func (b *Batcher[T]) Wait() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.running {
		b.idle.Wait()
	}
}
