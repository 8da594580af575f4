package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// ErrRegistered is returned for a type of a name that is registered already.
var ErrRegistered = errors.New("event type is registered already")

// Registry has the event types of a program. It is safe for concurrent use.
type Registry struct {
	mu    sync.Mutex
	types map[string]webhook.EventType
}

// New returns a registry without types.
func New() *Registry { return &Registry{types: make(map[string]webhook.EventType)} }

// Register adds a type whose payloads are values of T. Its schema is made from T,
// unless t has one, and example becomes its example. See Add for errors; T must be
// something that encoding/json encodes.
func Register[T any](r *Registry, t webhook.EventType, example T) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(example); err != nil {
		return fmt.Errorf("register %s: %w", t.Name, err)
	}
	t.Example = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if t.Schema() == nil {
		text, err := SchemaOf[T]()
		if err != nil {
			return fmt.Errorf("register %s: %w", t.Name, err)
		}
		t = t.WithSchema(text, time.Time{})
	}
	if err := r.Add(t); err != nil {
		return fmt.Errorf("register %s: %w", t.Name, err)
	}
	return nil
}

// Add adds a type as it is. Errors are a *webhook.InvalidError, about the schema and
// the example too, and ErrRegistered.
func (r *Registry) Add(t webhook.EventType) error {
	t = t.Clone()
	t.Owner = webhook.OwnerCode
	if err := Check(t); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.types[t.Name]; known {
		return ErrRegistered
	}
	r.types[t.Name] = t
	return nil
}

// Types returns all types, by name.
func (r *Registry) Types() []webhook.EventType {
	r.mu.Lock()
	defer r.mu.Unlock()
	types := slices.Collect(maps.Values(r.types))
	slices.SortFunc(types, func(a, b webhook.EventType) int { return strings.Compare(a.Name, b.Name) })
	for i := range types {
		types[i] = types[i].Clone()
	}
	return types
}

// Check returns what is wrong with a type, also with its last schema and whether its
// example matches that: a *webhook.InvalidError, or nil.
func Check(t webhook.EventType) error { return schema.CheckType(t) }
