package dispatcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/types"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func newTypes(st store.Store, cfg Config) (*types.Registry, error) {
	r, err := types.New(types.Config{Store: st, Code: cfg.EventTypes, Unknown: cfg.UnknownTypes, Defaults: cfg.TypeDefaults, Log: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("dispatcher: Config.EventTypes: %w", err)
	}
	return r, nil
}

// syncTypes brings the store's event types up to date with the code's. A store that is
// down is tried again when something is published.
func (d *Dispatcher) syncTypes() error {
	if len(d.cfg.EventTypes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := d.types.Sync(ctx)
	if batch.Transient(err) {
		d.log.Warn("store the event types; trying again when something is published", zap.Error(err))
		return nil
	}
	return err
}

// EventTypes returns all event types that the store has, by name. It is for those who
// build on a dispatcher, like the other methods about types. The error is the store's.
func (d *Dispatcher) EventTypes(ctx context.Context) ([]webhook.EventType, error) {
	return d.types.Stored(ctx)
}

// EventType returns an event type as it counts in this process, and whether it is
// known.
func (d *Dispatcher) EventType(ctx context.Context, name string) (webhook.EventType, bool) {
	return d.types.Type(ctx, name)
}

// ChangeEventType reads an event type, or one of version 0 if there is none, lets
// change alter it and writes it back; if somebody else was faster, it does so again.
// Errors are those of change, and the store's.
func (d *Dispatcher) ChangeEventType(ctx context.Context, name string, action webhook.AuditAction, change func(*webhook.EventType) error) (webhook.EventType, error) {
	for {
		before, err := d.storedType(ctx, name)
		if err != nil {
			return before, err
		}
		after := before.Clone()
		if err := change(&after); errors.Is(err, ErrUnchanged) {
			return before, nil
		} else if err != nil {
			return before, err
		}
		r := webhook.AuditRecord{Action: action, Resource: name}
		r.Before, r.After = audit.DiffEventType(&before, &after)
		if r, err = d.NewAudit(ctx, r); err != nil {
			return before, fmt.Errorf("change event type: %w", err)
		}
		after, err = d.store.PutEventType(ctx, clock.Now(), after, r)
		if errors.Is(err, store.ErrVersion) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return before, err
		}
		d.types.Note(after)
		return after, nil
	}
}

func (d *Dispatcher) storedType(ctx context.Context, name string) (webhook.EventType, error) {
	list, err := d.types.Stored(ctx)
	if err != nil {
		return webhook.EventType{}, err
	}
	for _, t := range list {
		if t.Name == name {
			return t, nil
		}
	}
	return webhook.EventType{Name: name}, nil
}

// Redact returns the data of an event as people get to see it.
func (d *Dispatcher) Redact(ctx context.Context, eventType string, data json.RawMessage) json.RawMessage {
	return d.types.Redact(ctx, eventType, data)
}

// Redacts reports whether something is redacted in events of a type.
func (d *Dispatcher) Redacts(ctx context.Context, eventType string) bool {
	return d.types.Redacts(ctx, eventType)
}

// RedactsAny reports whether something is redacted in events of any type.
func (d *Dispatcher) RedactsAny(ctx context.Context) bool { return d.types.RedactsAny(ctx) }

// RedactAnswer returns what a receiver has answered to an event with that data as
// people get to see it: nothing of it if it repeats what is redacted.
func (d *Dispatcher) RedactAnswer(ctx context.Context, ev *webhook.Event, answer []byte) []byte {
	return d.types.RedactAnswer(ctx, ev.Type, ev.Data, answer)
}

// PayloadWarnings returns how many events this process has published although the
// schema of their type refuses them, by type (see webhook.ValidationWarn).
func (d *Dispatcher) PayloadWarnings() map[string]uint64 { return d.types.Warnings() }
