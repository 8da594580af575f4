package manage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// The errors of the methods about event types.
var (
	// ErrEventTypeExists is returned for a new type of a name that there is, archived
	// ones included.
	ErrEventTypeExists = errors.New("event type exists")
	// ErrOwnedByCode is returned for a change of a type that the host's code has: it
	// is changed there.
	ErrOwnedByCode = errors.New("event type is owned by code")
)

// BreakingError is returned for a new version of a schema that may break receivers.
// Nothing was stored.
type BreakingError struct {
	// Changes are those that break.
	Changes []schema.Change
}

// Error returns the first change.
func (e *BreakingError) Error() string {
	return fmt.Sprintf("the schema breaks receivers in %d ways: %s", len(e.Changes), e.Changes[0])
}

// maxEventTypes bounds the event types that people register: a process has all of them
// in memory. The ready-made catalogue has some 60.
const maxEventTypes = 5_000

// EventTypeFilter narrows a list of event types. The zero value lists all but archived
// ones.
type EventTypeFilter struct {
	// Group selects the types of one group. Defaults to all groups.
	Group string
	// Archived includes archived types.
	Archived bool
}

// EventTypes returns the event types that are registered, by name. They are the
// host's, and the same for all tenants; the error is the store's.
func (m *Manager) EventTypes(ctx context.Context, filter EventTypeFilter) ([]webhook.EventType, error) {
	list, err := m.d.EventTypes(ctx)
	return slices.DeleteFunc(list, func(t webhook.EventType) bool {
		return filter.Group != "" && t.Group != filter.Group || t.Archived && !filter.Archived
	}), err
}

// EventType returns an event type, also an archived one. The error is
// store.ErrNotFound, or the store's.
func (m *Manager) EventType(ctx context.Context, name string) (webhook.EventType, error) {
	list, err := m.d.EventTypes(ctx)
	if err != nil {
		return webhook.EventType{}, err
	}
	for _, t := range list {
		if t.Name == name {
			return t, nil
		}
	}
	return webhook.EventType{}, errNoEventType
}

var errNoEventType = fmt.Errorf("read event type: %w", store.ErrNotFound)

// RegisterEventType registers a new event type, with a schema at most, and returns it
// as it is stored. From then on its payloads are checked in this process, and in every
// other one within about a second. Errors are *webhook.InvalidError,
// ErrEventTypeExists, and store.ErrTooMany.
func (m *Manager) RegisterEventType(ctx context.Context, t webhook.EventType) (webhook.EventType, error) {
	first := t.Schema()
	t.Schemas = nil
	if first != nil {
		t = t.WithSchema(first, now())
	}
	t.Owner, t.Version = webhook.OwnerAPI, 0
	if err := schema.CheckType(t); err != nil {
		return webhook.EventType{}, err
	}
	if list, err := m.d.EventTypes(ctx); err != nil {
		return webhook.EventType{}, err
	} else if len(list) >= maxEventTypes {
		return webhook.EventType{}, fmt.Errorf("register event type: %w", store.ErrTooMany)
	}
	return m.d.ChangeEventType(ctx, t.Name, webhook.ActionEventTypeRegistered, func(old *webhook.EventType) error {
		if old.Version != 0 {
			return ErrEventTypeExists
		}
		*old = t.Clone()
		return nil
	})
}

// UpdateEventType lets change alter the group, description, defaults, redaction,
// validation and example of a type, and stores the result; other fields stay as they are. It
// may be called again if somebody else was faster. Errors are change's, *webhook.InvalidError,
// store.ErrNotFound and ErrOwnedByCode.
func (m *Manager) UpdateEventType(ctx context.Context, name string, change func(*webhook.EventType) error) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeUpdated, func(t *webhook.EventType) error {
		next := t.Clone()
		if err := change(&next); err != nil {
			return err
		}
		t.Group, t.Description, t.Defaults, t.Redact = next.Group, next.Description, next.Defaults, next.Redact
		t.Validation, t.Example = next.Validation, next.Example
		return nil
	})
}

// Replacement is what ReplaceEventType makes of an event type.
type Replacement struct {
	// EventType has the group, description, deprecation, archive, defaults, redaction,
	// validation and example of the type from then on; other fields do not count.
	EventType webhook.EventType
	// Schema becomes the last version, unless it is that already. Defaults to no new
	// version.
	Schema json.RawMessage
	// AllowBreaking registers a schema although it may break receivers.
	AllowBreaking bool
	// IfVersion is the version that it is meant for. Defaults to any.
	IfVersion int64
}

// ReplaceEventType changes a type at once in all that people may change of it. Errors are
// *webhook.InvalidError, *BreakingError, store.ErrNotFound, ErrOwnedByCode, and
// store.ErrVersion for a type that is not at IfVersion; nothing was changed then.
func (m *Manager) ReplaceEventType(ctx context.Context, name string, r Replacement) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeUpdated, func(t *webhook.EventType) error {
		if r.IfVersion != 0 && r.IfVersion != t.Version {
			return fmt.Errorf("replace event type: %w", store.ErrVersion)
		}
		*t = replaced(*t, r.EventType.Clone())
		if r.Schema == nil {
			return nil
		}
		return addSchema(t, NewSchema{Schema: r.Schema, AllowBreaking: r.AllowBreaking})
	})
}

// replaced returns a type with what people may change taken from next. What means the same
// stays as it was written, so that a type can be written back as it was read.
func replaced(t, next webhook.EventType) webhook.EventType {
	t.Group, t.Description, t.Defaults = next.Group, next.Description, next.Defaults
	t.Deprecated, t.DeprecatedFor, t.Archived = next.Deprecated, next.DeprecatedFor, next.Archived
	if !slices.Equal(t.Redact, next.Redact) {
		t.Redact = next.Redact
	}
	if cmp.Or(t.Validation, webhook.ValidationStrict) != cmp.Or(next.Validation, webhook.ValidationStrict) {
		t.Validation = next.Validation
	}
	if !sameJSON(t.Example, next.Example) {
		t.Example = next.Example
	}
	return t
}

// sameJSON reports whether two texts differ in nothing but white space.
func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return string(a) == string(b)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// NewSchema is a new version of the schema of an event type.
type NewSchema struct {
	// Schema is a JSON Schema of draft 2020-12.
	Schema json.RawMessage
	// Example is a payload that matches it. Defaults to the type's example.
	Example json.RawMessage
	// AllowBreaking registers it although it may break receivers.
	AllowBreaking bool
}

// AddSchema registers a new version of a type's schema, by which payloads are checked
// from then on. One that is the last one already is left as it is. Errors are *webhook.InvalidError,
// *BreakingError, store.ErrNotFound and ErrOwnedByCode.
func (m *Manager) AddSchema(ctx context.Context, name string, s NewSchema) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeSchema, func(t *webhook.EventType) error { return addSchema(t, s) })
}

// addSchema gives a type one more version of its schema.
func addSchema(t *webhook.EventType, s NewSchema) error {
	before := t.Schema()
	*t = t.WithSchema(s.Schema, now())
	if s.Example != nil {
		t.Example = s.Example
	}
	if before == nil || s.AllowBreaking {
		return nil
	}
	changes, err := schema.Compare(before, t.Schema())
	if err != nil {
		return err
	}
	if breaking := schema.Breaking(changes); len(breaking) > 0 {
		return &BreakingError{breaking}
	}
	return nil
}

// DeprecateEventType says that nobody should begin to use a type, and what to use in
// its place, if anything. Its events go on to be published. Errors are *webhook.InvalidError,
// store.ErrNotFound and ErrOwnedByCode.
func (m *Manager) DeprecateEventType(ctx context.Context, name, inItsPlace string) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeDeprecated, func(t *webhook.EventType) error {
		t.Deprecated, t.DeprecatedFor = true, inItsPlace
		return nil
	})
}

// UndeprecateEventType takes DeprecateEventType back. Errors are store.ErrNotFound and
// ErrOwnedByCode.
func (m *Manager) UndeprecateEventType(ctx context.Context, name string) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeUpdated, func(t *webhook.EventType) error {
		t.Deprecated, t.DeprecatedFor = false, ""
		return nil
	})
}

// ArchiveEventType ends a type: no event of it is published any more, code
// event_type_archived. What was published stays. Errors are store.ErrNotFound and
// ErrOwnedByCode.
func (m *Manager) ArchiveEventType(ctx context.Context, name string) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeArchived, func(t *webhook.EventType) error {
		t.Archived = true
		return nil
	})
}

// UnarchiveEventType takes ArchiveEventType back. Errors are store.ErrNotFound and
// ErrOwnedByCode.
func (m *Manager) UnarchiveEventType(ctx context.Context, name string) (webhook.EventType, error) {
	return m.changeType(ctx, name, webhook.ActionEventTypeUpdated, func(t *webhook.EventType) error {
		t.Archived = false
		return nil
	})
}

// changeType changes a type that exists and is not the code's. Without a difference
// nothing is written.
func (m *Manager) changeType(ctx context.Context, name string, action webhook.AuditAction, change func(*webhook.EventType) error) (webhook.EventType, error) {
	return m.d.ChangeEventType(ctx, name, action, func(t *webhook.EventType) error {
		switch {
		case t.Version == 0:
			return errNoEventType
		case t.Owner == webhook.OwnerCode:
			return fmt.Errorf("change event type: %w", ErrOwnedByCode)
		}
		before := t.Clone()
		if err := change(t); err != nil {
			return err
		}
		if sameType(before, *t) {
			return dispatcher.ErrUnchanged
		}
		return schema.CheckType(*t)
	})
}

// sameType compares two types as they would be stored.
func sameType(a, b webhook.EventType) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y) && string(a.Example) == string(b.Example)
}
