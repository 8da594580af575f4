package types

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// Check returns nil if an event may be published as far as its type is concerned, and
// else a *webhook.InvalidError. It asks the store for changes now and then; without an
// answer it goes by what it knows, and store.ErrUnavailable says that it has never had one
// and cannot tell whether there is such a type.
func (r *Registry) Check(ctx context.Context, ev *webhook.Event) error {
	return r.CheckIn(ctx, r.cfg.Store, ev)
}

// CheckIn is Check for an event that is published in a transaction of the host.
func (r *Registry) CheckIn(ctx context.Context, tx store.EventTypeReader, ev *webhook.Event) error {
	s := r.fresh(ctx, tx)
	k := s.types[ev.Type]
	switch {
	case k == nil && r.cfg.Unknown != webhook.UnknownReject:
		return nil
	case k == nil && !s.loaded:
		return fmt.Errorf("publish: %w: event types could not be read yet", store.ErrUnavailable)
	case k == nil:
		return webhook.Invalid("type", webhook.CodeEventTypeUnknown, "Event type is not registered.")
	case k.Archived:
		return webhook.Invalid("type", webhook.CodeEventTypeArchived, "Event type is archived.")
	}
	if k.Deprecated {
		r.warnDeprecated(k)
	}
	return r.checkData(k, ev)
}

// CheckTest returns nil unless the event's type is known and its schema refuses the
// data: a *webhook.InvalidError. Any type may be tested.
func (r *Registry) CheckTest(ctx context.Context, ev *webhook.Event) error {
	if k := r.fresh(ctx, r.cfg.Store).types[ev.Type]; k != nil {
		return r.checkData(k, ev)
	}
	return nil
}

func (r *Registry) checkData(k *known, ev *webhook.Event) error {
	text := k.Schema()
	if text == nil {
		return nil
	}
	s, err := r.schemas.Compile(text)
	if err != nil {
		return fmt.Errorf("publish: compile the schema of %s: %w", k.Name, err)
	}
	found := s.Validate(ev.Data)
	if len(found) == 0 {
		return nil
	}
	if k.Validation == webhook.ValidationWarn {
		r.warn(k, found)
		return nil
	}
	return schema.Invalid(found)
}

// warning is what is remembered of a type whose events are published although
// something is wrong.
type warning struct {
	count      atomic.Uint64
	loggedAt   atomic.Int64 // in nanoseconds of the process's time
	deprecated atomic.Bool
}

func (r *Registry) warningOf(name string) *warning {
	if w, ok := r.warnings.Load(name); ok {
		return w.(*warning)
	}
	w, _ := r.warnings.LoadOrStore(name, new(warning))
	return w.(*warning)
}

// logEvery is how often the log says of a type that its payloads are wrong.
const logEvery = 10 * time.Second

func (r *Registry) warn(k *known, found []schema.Violation) {
	w := r.warningOf(k.Name)
	n := w.count.Add(1)
	last, at := w.loggedAt.Load(), clock.Now().UnixNano()
	if n > 1 && at-last < int64(logEvery) || !w.loggedAt.CompareAndSwap(last, at) {
		return
	}
	r.cfg.Log.Warn("published a payload that its schema refuses", zap.String("event_type", k.Name), zap.Uint64("so_far", n),
		zap.String("pointer", found[0].Pointer), zap.String("problem", found[0].Message), zap.Int("violations", len(found)))
}

func (r *Registry) warnDeprecated(k *known) {
	if w := r.warningOf(k.Name); !w.deprecated.Load() && w.deprecated.CompareAndSwap(false, true) {
		r.cfg.Log.Warn("published an event of a deprecated type", zap.String("event_type", k.Name), zap.String("in_its_place", k.DeprecatedFor))
	}
}

// Warnings returns how many events this process has published although the schema
// of their type refuses them, by type.
func (r *Registry) Warnings() map[string]uint64 {
	counts := make(map[string]uint64)
	r.warnings.Range(func(name, w any) bool {
		if n := w.(*warning).count.Load(); n > 0 {
			counts[name.(string)] = n
		}
		return true
	})
	return counts
}
