package types

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/pointer"
	"github.com/postrider/postrider/webhook/schema"
)

const (
	// followEvery is how often the store is asked for changes, so that a process
	// follows within about a second.
	followEvery = 900 * time.Millisecond
	// readTimeout bounds how long one publisher waits for that.
	readTimeout = time.Second
)

// Config configures a Registry.
type Config struct {
	Store store.EventTypes
	// Code are the types of the host's code.
	Code []webhook.EventType
	// Unknown says what becomes of types that are not registered.
	Unknown webhook.UnknownTypes
	// Defaults count before those that a type was registered with.
	Defaults map[string]webhook.TypeDefaults
	Log      *zap.Logger
}

// Registry knows the event types. It is safe for concurrent use.
type Registry struct {
	cfg     Config
	code    map[string]webhook.EventType
	schemas schema.Cache
	// seen is what is known now.
	seen atomic.Pointer[snapshot]
	// synced says that the store has the code's types.
	synced atomic.Bool
	// warnings has what was published although a schema refuses it, by type.
	warnings sync.Map // of *warning

	mu sync.Mutex
	// reading is closed when the read ends that goes on, or nil.
	reading chan struct{}
}

// snapshot is what a process knew at a time. It is not changed.
type snapshot struct {
	// tried is when the store was asked last.
	tried time.Time
	// loaded says that it has answered once, as of the revision.
	loaded   bool
	revision int64
	// stored are the store's types, and types those that count in this process.
	stored map[string]webhook.EventType
	types  map[string]*known
	// masks says that some type has a mask.
	masks bool
}

// known is a type that counts in this process.
type known struct {
	webhook.EventType
	// mask hides what is redacted, or is nil.
	mask *pointer.Editor
}

// New returns a registry that knows the types of the code. The error says which of
// them is wrong.
func New(cfg Config) (*Registry, error) {
	r := &Registry{cfg: cfg, code: make(map[string]webhook.EventType, len(cfg.Code))}
	for _, t := range cfg.Code {
		if _, twice := r.code[t.Name]; twice {
			return nil, fmt.Errorf("event type %s is there twice", t.Name)
		}
		if err := schema.CheckType(t); err != nil {
			return nil, fmt.Errorf("event type %s: %w", t.Name, err)
		}
		t = t.Clone()
		t.Owner = webhook.OwnerCode
		r.code[t.Name] = t
	}
	r.seen.Store(r.next(&snapshot{}, nil))
	return r, nil
}

// next returns a snapshot with changes of the store.
func (r *Registry) next(before *snapshot, changed []webhook.EventType) *snapshot {
	s := *before
	if len(changed) == 0 && before.types != nil {
		return &s
	}
	s.stored = make(map[string]webhook.EventType, len(before.stored)+len(changed))
	maps.Copy(s.stored, before.stored)
	for _, t := range changed {
		s.stored[t.Name] = t
	}
	s.types = make(map[string]*known, len(s.stored)+len(r.code))
	for name, t := range s.stored {
		s.types[name] = newKnown(t)
	}
	for name, t := range r.code {
		// What one version of the code hides no other one shows.
		t.Redact = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(t.Redact), s.stored[name].Redact...))))
		s.types[name] = newKnown(t)
	}
	s.masks = false
	for _, k := range s.types {
		s.masks = s.masks || k.mask != nil
	}
	return &s
}

func newKnown(t webhook.EventType) *known {
	k := &known{EventType: t}
	if len(t.Redact) > 0 {
		k.mask = newMask(t.Redact)
	}
	return k
}

// fresh returns what is known, which is at most about a second old if the store
// answers.
func (r *Registry) fresh(ctx context.Context, from store.EventTypeReader) *snapshot {
	s := r.seen.Load()
	age := clock.Now().Sub(s.tried).Abs()
	if age < followEvery {
		return s
	}
	r.mu.Lock()
	if done := r.reading; done != nil {
		r.mu.Unlock()
		if age > 2*followEvery { // nothing was published for a while
			select {
			case <-done:
			case <-ctx.Done():
			}
		}
		return r.seen.Load()
	}
	done := make(chan struct{})
	r.reading = done
	r.mu.Unlock()
	r.refresh(ctx, from)
	r.mu.Lock()
	r.reading = nil
	r.mu.Unlock()
	close(done)
	return r.seen.Load()
}

// refresh asks the store for changes, and makes up for a Sync that it could not take.
// Nothing is written while a transaction of the host goes on. If it fails, what is known
// goes on to count.
func (r *Registry) refresh(ctx context.Context, from store.EventTypeReader) {
	err := r.read(ctx, from)
	if err == nil && from == store.EventTypeReader(r.cfg.Store) && len(r.code) > 0 && !r.synced.Load() {
		err = r.Sync(ctx)
	}
	if err != nil {
		r.cfg.Log.Warn("read event types; what was known counts", zap.Error(err))
	}
}

// read asks the store for changes.
func (r *Registry) read(ctx context.Context, from store.EventTypeReader) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	changed, revision, err := from.EventTypes(ctx, r.seen.Load().revision)
	r.update(func(s *snapshot) *snapshot {
		next := s
		if err == nil && revision >= s.revision {
			next = r.next(s, newer(changed, s))
			next.loaded, next.revision = true, revision
		} else {
			next = r.next(s, nil)
		}
		next.tried = clock.Now()
		return next
	})
	return err
}

// newer returns the types that are newer than those of a snapshot.
func newer(types []webhook.EventType, s *snapshot) []webhook.EventType {
	return slices.DeleteFunc(types, func(t webhook.EventType) bool { return s.stored[t.Name].Revision >= t.Revision })
}

// update changes what is known.
func (r *Registry) update(change func(*snapshot) *snapshot) {
	for {
		s := r.seen.Load()
		if r.seen.CompareAndSwap(s, change(s)) {
			return
		}
	}
}

// Note makes a type that was just stored count at once in this process.
func (r *Registry) Note(t webhook.EventType) {
	// The revision stays: what others have stored before is still to be read.
	r.update(func(s *snapshot) *snapshot { return r.next(s, newer([]webhook.EventType{t.Clone()}, s)) })
}

// Stored returns all types that the store has, by name, as they are now. The error is
// the store's.
func (r *Registry) Stored(ctx context.Context) ([]webhook.EventType, error) {
	if err := r.read(ctx, r.cfg.Store); err != nil {
		return nil, err
	}
	types := slices.Collect(maps.Values(r.seen.Load().stored))
	slices.SortFunc(types, func(a, b webhook.EventType) int { return strings.Compare(a.Name, b.Name) })
	return types, nil
}

// Defaults returns those of a type, as far as they are known.
func (r *Registry) Defaults(name string) webhook.TypeDefaults {
	d := r.cfg.Defaults[name]
	k := r.seen.Load().types[name]
	if k == nil {
		return d
	}
	if d.Priority == "" {
		d.Priority = k.EventType.Defaults.Priority
	}
	if d.Retry.IsZero() {
		d.Retry = k.EventType.Defaults.Retry
	}
	if d.MaxAge == 0 {
		d.MaxAge = k.EventType.Defaults.MaxAge
	}
	return d
}

// Type returns a type as it counts in this process, and whether it is known.
func (r *Registry) Type(ctx context.Context, name string) (webhook.EventType, bool) {
	k := r.fresh(ctx, r.cfg.Store).types[name]
	if k == nil {
		return webhook.EventType{}, false
	}
	return k.EventType, true
}
