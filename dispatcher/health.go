package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/engine"
)

// Health is how a dispatcher and its store are, for whoever asks whether a process is
// ready, and for alarms.
type Health struct {
	// Store is nil if the store has answered, all shards of it, and else why it has not.
	Store error
	// Lag is how long that has been due which has waited longest for any process to
	// look at it; what its endpoint holds up is not late. It grows if no process
	// delivers, or all together are too slow. 0 if the store has not answered.
	Lag time.Duration
	// Running says that Run is under way, and Leased that it delivers: that it has a
	// lease of every shard, which was confirmed lately. A process that stands by
	// for another has none.
	Running, Leased bool
	// Skew is how far the process's clock is ahead of the store's, within a round
	// trip; 0 where the store has no clock of its own. Receivers refuse signatures that
	// are five minutes off.
	Skew time.Duration
	// At is when that was so.
	At time.Time
}

const (
	// healthFor is how long an answer is given again, so that probes cost the store
	// next to nothing however many there are.
	healthFor = time.Second
	// healthTimeout bounds the question: probes wait about as long.
	healthTimeout = time.Second
)

// Health returns how the dispatcher and its store are, at most a second ago. It takes a
// second at most.
func (d *Dispatcher) Health(ctx context.Context) Health {
	for {
		h, asking, mine := d.health.get()
		switch {
		case asking == nil:
			return h
		case mine:
			h = d.askHealth(context.WithoutCancel(ctx)) // it is for the others too
			d.health.put(h)
			return h
		}
		select {
		case <-asking:
		case <-ctx.Done():
			return Health{Store: ctx.Err(), Running: d.running.Load(), At: clock.Now()}
		}
	}
}

// healthCache has the last answer.
type healthCache struct {
	mu   sync.Mutex
	last Health
	// asking is closed when the one who asks the store has the answer; nil if nobody does.
	asking chan struct{}
}

// get returns the last answer, or a channel to wait for the next one, which the caller has
// to ask for if it is its own.
func (c *healthCache) get() (h Health, asking <-chan struct{}, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking != nil {
		return h, c.asking, false
	}
	if !c.last.At.IsZero() && clock.Now().Sub(c.last.At) < healthFor {
		return c.last, nil, false
	}
	c.asking = make(chan struct{})
	return h, c.asking, true
}

func (c *healthCache) put(h Health) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = h
	close(c.asking)
	c.asking = nil
}

// askHealth asks all shards at once.
func (d *Dispatcher) askHealth(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	h := Health{Running: d.running.Load(), Leased: true}
	var mu sync.Mutex
	var shards sync.WaitGroup
	for name, s := range d.shards {
		shards.Go(func() {
			lag, skew, err := s.health(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && name != "" {
				err = fmt.Errorf("shard %q: %w", name, err)
			}
			h.Store, h.Lag = errors.Join(h.Store, err), max(h.Lag, lag)
			if skew.Abs() > h.Skew.Abs() {
				h.Skew = skew
			}
			e := s.engine.Load()
			h.Leased = h.Leased && e != nil && e.Leased()
		})
	}
	shards.Wait()
	h.At = clock.Now()
	return h
}

func (s *shard) health(ctx context.Context) (lag, skew time.Duration, err error) {
	if lag, err = s.store.Lag(ctx, clock.Now()); err != nil {
		return 0, 0, err
	}
	skew, err = engine.Skew(ctx, s.store)
	return lag, skew, err
}
