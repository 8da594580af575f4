package batch

import "context"

// Fetcher loads values by key. Calls that wait at the same time share a round
// trip, by natural batching. It is safe for concurrent use.
type Fetcher[K comparable, V any] struct {
	batch *Batcher[*fetch[K, V]]
}

type fetch[K comparable, V any] struct {
	key  K
	done chan struct{}
	val  *V
	err  error
}

// NewFetcher returns a fetcher over get, which returns what it finds of at most
// limit keys.
func NewFetcher[K comparable, V any](limit int, get func([]K) (map[K]*V, error)) *Fetcher[K, V] {
	return &Fetcher[K, V]{batch: NewBatcher(limit, func(calls []*fetch[K, V]) {
		keys := make([]K, len(calls))
		for i, c := range calls {
			keys[i] = c.key
		}
		fetchBatch(calls, keys, get)
	})}
}

// fetchBatch asks for keys and tells the callers. If something in a batch cannot be
// had, the batch is halved until that stands alone.
func fetchBatch[K comparable, V any](calls []*fetch[K, V], keys []K, get func([]K) (map[K]*V, error)) {
	found, err := get(keys)
	if err != nil && len(keys) > 1 && !Transient(err) {
		half := len(keys) / 2
		fetchBatch(calls[:half], keys[:half], get)
		fetchBatch(calls[half:], keys[half:], get)
		return
	}
	for _, c := range calls {
		c.val, c.err = found[c.key], err
		close(c.done)
	}
}

// Wait returns when nothing is being loaded.
func (f *Fetcher[K, V]) Wait() { f.batch.Wait() }

// Load returns the value of key, or nil if there is none. Errors are those of the
// get function, and of ctx if it ends first.
func (f *Fetcher[K, V]) Load(ctx context.Context, key K) (*V, error) {
	c := &fetch[K, V]{key: key, done: make(chan struct{})}
	f.batch.Add(c)
	select {
	case <-c.done:
		return c.val, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
