package dispatcher

import "context"

// fetcher loads values by key. Calls that wait at the same time share a round
// trip, by natural batching.
type fetcher[K comparable, V any] struct {
	batch *batcher[*fetch[K, V]]
}

type fetch[K comparable, V any] struct {
	key  K
	done chan struct{}
	val  *V
	err  error
}

// newFetcher returns a fetcher over get, which returns what it finds of at most
// limit keys.
func newFetcher[K comparable, V any](limit int, get func([]K) (map[K]*V, error)) *fetcher[K, V] {
	return &fetcher[K, V]{batch: newBatcher(limit, func(calls []*fetch[K, V]) {
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
	if err != nil && len(keys) > 1 && !transient(err) {
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

// wait returns when nothing is being loaded.
func (f *fetcher[K, V]) wait() { f.batch.wait() }

// load returns the value of key, or nil if there is none.
func (f *fetcher[K, V]) load(ctx context.Context, key K) (*V, error) {
	c := &fetch[K, V]{key: key, done: make(chan struct{})}
	f.batch.add(c)
	select {
	case <-c.done:
		return c.val, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
