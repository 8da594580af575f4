package types

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// Sync reads the store's types and brings them up to date with the code's. A type that
// somebody else has changed meanwhile is looked at again. Errors are the store's.
func (r *Registry) Sync(ctx context.Context) error {
	if err := r.read(ctx, r.cfg.Store); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.code)) {
		if err := r.sync(ctx, r.code[name]); err != nil {
			return fmt.Errorf("store event type %s: %w", name, err)
		}
	}
	r.synced.Store(true)
	return nil
}

func (r *Registry) sync(ctx context.Context, t webhook.EventType) error {
	for {
		stored, exists := r.seen.Load().stored[t.Name]
		next, changed := follow(stored, t)
		if exists && !changed {
			return nil
		}
		got, err := r.cfg.Store.PutEventType(ctx, clock.Now(), next)
		switch {
		case err == nil:
			r.Note(got)
			r.logChange(stored, got)
			return nil
		case !errors.Is(err, store.ErrVersion) || ctx.Err() != nil:
			return err
		}
		if err := r.read(ctx, r.cfg.Store); err != nil {
			return err
		}
	}
}

// follow returns what the store should have of a type that the code has, and whether
// that is different from what it has. Code whose schema is not the latest one is older
// than what somebody else runs: it leaves all as it is.
func follow(stored, code webhook.EventType) (next webhook.EventType, changed bool) {
	next = stored.Clone()
	if text := code.Schema(); text != nil && stored.KnowsSchema(text) && !latest(stored, code) {
		next.Owner = webhook.OwnerCode
		return next, stored.Owner != next.Owner
	}
	next.Name, next.Group, next.Description, next.Owner = code.Name, code.Group, code.Description, webhook.OwnerCode
	next.Deprecated, next.DeprecatedFor, next.Archived = code.Deprecated, code.DeprecatedFor, code.Archived
	next.Defaults, next.Redact, next.Validation = code.Defaults, code.Redact, code.Validation
	next.Example = code.Example
	for _, v := range code.Schemas {
		if !next.KnowsSchema(v.Schema) {
			next = next.WithSchema(v.Schema, clock.Now())
		}
	}
	return next, !reflect.DeepEqual(normal(next), normal(stored))
}

// latest reports whether the code's schema is the store's last one.
func latest(stored, code webhook.EventType) bool {
	a, b := (webhook.EventType{}).WithSchema(stored.Schema(), stored.UpdatedAt), (webhook.EventType{}).WithSchema(code.Schema(), stored.UpdatedAt)
	return bytes.Equal(a.Schema(), b.Schema())
}

// normal returns a type in the form in which equal ones are equal.
func normal(t webhook.EventType) webhook.EventType {
	t = t.Clone()
	t.Redact, t.Example = slices.Concat(t.Redact), slices.Concat(t.Example)
	t.Defaults.Retry.Schedule = slices.Concat(t.Defaults.Retry.Schedule)
	return t
}

func (r *Registry) logChange(before, after webhook.EventType) {
	r.cfg.Log.Info("event type follows the code", zap.String("event_type", after.Name), zap.Int64("version", after.Version))
	if len(before.Schemas) == 0 || len(before.Schemas) == len(after.Schemas) {
		return
	}
	changes, err := schema.Compare(before.Schema(), after.Schema())
	if err != nil {
		return
	}
	for _, c := range schema.Breaking(changes) {
		r.cfg.Log.Warn("a new schema in the code may break receivers", zap.String("event_type", after.Name), zap.Stringer("change", c))
	}
}
