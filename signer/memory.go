package signer

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// defaultKeep is longer than the default schedule of a sender lasts: ten
	// attempts over 75 h 35 min, each put off by 20 % at most.
	defaultKeep = 96 * time.Hour
	// defaultMaxKeys keeps the memory at about 20 MB.
	defaultMaxKeys = 100_000
)

// MemoryConfig says how much a Memory remembers. The zero value is complete.
type MemoryConfig struct {
	// Keep is how long a webhook that was handled is remembered.
	// Defaults to 96 hours, longer than Postrider tries to deliver one.
	Keep time.Duration

	// MaxKeys bounds how many are remembered at once. Beyond it the one that was
	// handled first is forgotten before its time.
	// Defaults to 100,000.
	MaxKeys int
}

// A Memory is a Deduplicator for a receiver that is one process: what it
// remembers ends with it. Claims never lapse. Create it with NewMemory.
type Memory struct {
	keep time.Duration
	max  int

	mu sync.Mutex
	// keys holds the place in done of what was handled, and nil for what is
	// being handled.
	keys map[string]*list.Element
	done *list.List // of memoryKey, the first to be forgotten in front
}

type memoryKey struct {
	key   string
	until time.Time
}

var _ Deduplicator = (*Memory)(nil)

// NewMemory returns a Memory that remembers nothing yet. A Keep or MaxKeys under
// zero is an error.
func NewMemory(cfg MemoryConfig) (*Memory, error) {
	if cfg.Keep < 0 || cfg.MaxKeys < 0 {
		return nil, errors.New("signer: limits of a Memory are negative")
	}
	if cfg.Keep == 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	return &Memory{keep: cfg.Keep, max: cfg.MaxKeys, keys: make(map[string]*list.Element), done: list.New()}, nil
}

// Claim implements Deduplicator. Its one error is ErrMemoryFull.
func (m *Memory) Claim(_ context.Context, key string) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(time.Now())
	c := Claim{Key: key}
	switch place, known := m.keys[key]; {
	case known && place != nil:
		c.State = ClaimDone
	case known:
		c.State = ClaimBusy
	case len(m.keys) >= m.max && m.done.Len() == 0:
		return c, ErrMemoryFull
	default:
		if len(m.keys) >= m.max {
			m.drop(m.done.Front())
		}
		m.keys[key] = nil
		c.State = ClaimFresh
	}
	return c, nil
}

// Finish implements Deduplicator. There is no error.
func (m *Memory) Finish(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if place, known := m.keys[c.Key]; known && place == nil {
		m.keys[c.Key] = m.done.PushBack(memoryKey{c.Key, time.Now().Add(m.keep)})
	}
	return nil
}

// Release implements Deduplicator. There is no error.
func (m *Memory) Release(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if place, known := m.keys[c.Key]; known && place == nil {
		delete(m.keys, c.Key)
	}
	return nil
}

// forget drops what was remembered for long enough. All are kept for the same
// time, so they end in the order in which they came.
func (m *Memory) forget(now time.Time) {
	for e := m.done.Front(); e != nil && !e.Value.(memoryKey).until.After(now); e = m.done.Front() {
		m.drop(e)
	}
}

func (m *Memory) drop(e *list.Element) {
	delete(m.keys, m.done.Remove(e).(memoryKey).key)
}
