package memstore

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Store is a store.Store in memory. It is safe for concurrent use; see the
// package documentation for what it costs.
type Store struct {
	mu sync.Mutex

	tenants    map[string]*tenant
	events     map[store.EventKey]*event
	deliveries map[string]*delivery // by id, of all tenants
	endpoints  map[store.Lane]*endpoint
	settings   map[string][]byte
	quotas     map[quota]int64
	jobs       map[jobKey]*job
	incidents  map[incidentKey]*incident // the last one of each
	eventTypes map[string]webhook.EventType
	tokens     map[string]*token // by hash
	creations  map[keyName]creation
	rates      map[rate]time.Time // when the next slot is free
	notable    map[*endpoint]bool // those that ChangedHealth may tell of
	// subjectKeys are sealed.
	subjectKeys map[store.SubjectKeyName][]byte

	// The queue: a row is in waiting, in its lane, or with its owner.
	waiting heap[*row]
	lanes   map[store.Lane]*lane
	due     map[int64]*heap[*lane] // those that have a time, by owner
	blocks  map[blockedKey][]*delivery
	owners  map[int64]map[string]*row
	leases  map[int64]*lease

	// What Prune looks at, oldest first.
	published fifo[*event] // with a payload
	kept      fifo[*event]
	keys      heap[*key]
	minutes   heap[*minute]
	deleted   fifo[*endpoint] // tombstones
	audited   fifo[*auditRecord]
	series    map[scope]*series

	changes    changelog                 // of the endpoints of all tenants
	batches    map[store.BatchKey][]*row // the rows that are bound
	serial     int64                     // of rows and turns
	change     int64                     // the last revision
	typeChange int64                     // the last revision of event types
	epoch      int64                     // the last one
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Volatile = (*Store)(nil)
	_ store.Tx       = (*Tx)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		tenants:     make(map[string]*tenant),
		events:      make(map[store.EventKey]*event),
		deliveries:  make(map[string]*delivery),
		endpoints:   make(map[store.Lane]*endpoint),
		settings:    make(map[string][]byte),
		quotas:      make(map[quota]int64),
		jobs:        make(map[jobKey]*job),
		incidents:   make(map[incidentKey]*incident),
		eventTypes:  make(map[string]webhook.EventType),
		tokens:      make(map[string]*token),
		creations:   make(map[keyName]creation),
		rates:       make(map[rate]time.Time),
		notable:     make(map[*endpoint]bool),
		lanes:       make(map[store.Lane]*lane),
		owners:      make(map[int64]map[string]*row),
		leases:      make(map[int64]*lease),
		series:      make(map[scope]*series),
		due:         make(map[int64]*heap[*lane]),
		blocks:      make(map[blockedKey][]*delivery),
		batches:     make(map[store.BatchKey][]*row),
		subjectKeys: make(map[store.SubjectKeyName][]byte),

		waiting: newHeap(func(a, b *row) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.seq, b.seq)) }),
		keys:    newHeap(func(a, b *key) int { return a.expires.Compare(b.expires) }),
		minutes: newHeap(byStart),
	}
}

// Volatile marks the store as one that keeps nothing when the process ends.
func (s *Store) Volatile() {}

// tenant is what belongs to one tenant.
type tenant struct {
	events     ordered[*event]
	deliveries ordered[*delivery]
	endpoints  ordered[*endpoint]
	audit      ordered[*auditRecord]
	incidents  ordered[*incident]
	tokens     ordered[*token]
	// byEndpoint has the deliveries of endpoints, also of unknown ones.
	byEndpoint map[string]*history
	keys       map[string]*key
	changes    changelog
	revision   int64
}

// tenant returns a tenant, and makes it if it is new.
func (s *Store) tenant(name string) *tenant {
	t := s.tenants[name]
	if t == nil {
		t = &tenant{byEndpoint: make(map[string]*history), keys: make(map[string]*key)}
		s.tenants[name] = t
	}
	return t
}

// begin takes the mutex, unless the caller has given up.
func (s *Store) begin(ctx context.Context, operation string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w: %w", operation, store.ErrUnavailable, err)
	}
	s.mu.Lock()
	return nil
}

func (s *Store) next() int64 {
	s.serial++
	return s.serial
}

// instant is a time as a database has it: without a monotonic reading, which
// would make the order of times depend on where they came from.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
