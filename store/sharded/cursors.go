package sharded

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/postrider/postrider/store"
)

const (
	// maxCursors bounds the cursors that are remembered. One that is forgotten
	// is the beginning: changes are told again, and none is missed.
	maxCursors = 1024
	// maxOrder bounds the endpoints whose order of change is remembered.
	maxOrder = 4096
)

// cursors gives a number to each set of the shards' cursors. The numbers begin
// anywhere, so that one of another process is not taken for one's own.
type cursors struct {
	mu      sync.Mutex
	sets    map[int64][]int64
	numbers map[string]int64
	// given are the numbers that are remembered, oldest first.
	given []int64
	last  int64
}

// of returns the shards' cursors.
func (c *cursors) of(cursor int64, shards int) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if set := c.sets[cursor]; set != nil {
		return set
	}
	return make([]int64, shards)
}

// cursor returns the number of a set, the same one for the same set.
func (c *cursors) cursor(set []int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sets == nil {
		c.sets, c.numbers = make(map[int64][]int64), make(map[string]int64)
		c.last = rand.Int64N(1 << 62)
		c.numbers[fmt.Sprint(make([]int64, len(set)))] = 0
	}
	key := fmt.Sprint(set)
	if number, ok := c.numbers[key]; ok {
		return number
	}
	if len(c.given) == maxCursors {
		delete(c.numbers, fmt.Sprint(c.sets[c.given[0]]))
		delete(c.sets, c.given[0])
		c.given = c.given[1:]
	}
	c.last++
	c.sets[c.last], c.numbers[key] = set, c.last
	c.given = append(c.given, c.last)
	return c.last
}

// order remembers in which order this process has changed endpoints. Times tell
// the order of changes on different shards, unless they are the same.
type order struct {
	mu   sync.Mutex
	last int64
	by   map[store.Lane]int64
}

// note records a change that was written.
func (o *order) note(tenant, endpoint string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil || len(o.by) >= maxOrder {
		o.by = make(map[store.Lane]int64)
	}
	o.last++
	o.by[store.Lane{Tenant: tenant, Endpoint: endpoint}] = o.last
}

// of returns when an endpoint was changed, or 0 if not lately or not here.
func (o *order) of(ep *store.EndpointRecord) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.by[store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID}]
}
