package dispatcher

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// filtersEvery is how often a process writes what filters did, at most: for
	// advice, which looks at a day.
	filtersEvery = time.Minute
	// maxFiltering bounds the endpoints that a process counts for at a time: as many as
	// the compiled filters that it keeps. More are not counted until the next write.
	maxFiltering = 20_000
	// filtersTogether is how many endpoints are written in one transaction, so that a
	// database with one writer is not held up: 64 rows take some milliseconds.
	filtersTogether = 64
)

// filtering counts in memory what filters let through and keep back, by endpoint, and
// adds it to the statistics now and then: with the first event that a filter is asked
// about a minute after the last time, and when Run ends. What is counted since, a process
// loses that dies; what cannot be written is dropped.
type filtering struct {
	d *Dispatcher

	mu      sync.Mutex
	counts  map[store.Lane]*store.FilterCount
	last    time.Time
	writing sync.WaitGroup
}

func newFiltering(d *Dispatcher) *filtering {
	return &filtering{d: d, counts: make(map[store.Lane]*store.FilterCount), last: clock.Now()}
}

// add counts what the filters of endpoints have said about one event. What failed is
// neither let through nor kept back.
func (f *filtering) add(tenant string, eps []*webhook.Endpoint, said map[string]verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ep := range eps {
		if ep.Filter == "" {
			continue
		}
		lane := store.Lane{Tenant: tenant, Endpoint: ep.ID}
		c := f.counts[lane]
		if c == nil {
			if len(f.counts) >= maxFiltering {
				continue
			}
			c = &store.FilterCount{Endpoint: ep.ID}
			f.counts[lane] = c
		}
		switch said[ep.Filter] {
		case wanted:
			c.Passed++
		case unwanted:
			c.KeptBack++
		case unknown:
		}
	}
	if now := clock.Now(); now.Sub(f.last) >= filtersEvery {
		f.last = now
		taken := f.take()
		f.writing.Go(func() { f.write(taken) })
	}
}

func (f *filtering) take() map[store.Lane]*store.FilterCount {
	taken := f.counts
	f.counts = make(map[store.Lane]*store.FilterCount)
	return taken
}

// write adds counts to the store, those of one tenant after another.
func (f *filtering) write(counts map[store.Lane]*store.FilterCount) {
	of := make(map[string][]store.FilterCount)
	for lane, c := range counts {
		of[lane.Tenant] = append(of[lane.Tenant], *c)
	}
	for tenant, list := range of {
		slices.SortFunc(list, func(a, b store.FilterCount) int { return strings.Compare(a.Endpoint, b.Endpoint) })
		for part := range slices.Chunk(list, filtersTogether) {
			ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
			err := f.d.store.CountFilters(ctx, clock.Now(), tenant, part)
			cancel()
			if err != nil && f.d.running.Load() {
				f.d.log.Warn("count what filters did; some is not counted", zap.Error(err))
			}
		}
	}
}

// drain writes what is left, if the store takes it now.
func (f *filtering) drain() {
	f.writing.Wait()
	f.mu.Lock()
	left := f.take()
	f.mu.Unlock()
	f.write(left)
}
