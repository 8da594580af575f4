package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// broadcastSpec is an event as a job keeps it. Data is bytes, which JSON leaves as
// they are.
type broadcastSpec struct {
	Type           string            `json:"type"`
	Data           []byte            `json:"data"`
	Timestamp      time.Time         `json:"timestamp"`
	IdempotencyKey string            `json:"idempotency_key"`
	OrderingKey    string            `json:"ordering_key,omitempty"`
	Source         string            `json:"source,omitempty"`
	Channels       []string          `json:"channels,omitempty"`
	Priority       webhook.Priority  `json:"priority,omitempty"`
	DeliverAt      time.Time         `json:"deliver_at,omitzero"`
	Subject        string            `json:"subject,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	TraceParent    string            `json:"traceparent,omitempty"`
	TraceState     string            `json:"tracestate,omitempty"`
}

// BroadcastSpec returns an event, that is to be published to all tenants under its
// idempotency key, as a job keeps it.
func BroadcastSpec(ev webhook.Event) ([]byte, error) {
	return json.Marshal(broadcastSpec{
		Type: ev.Type, Data: ev.Data, Timestamp: ev.Timestamp, IdempotencyKey: ev.IdempotencyKey, OrderingKey: ev.OrderingKey,
		Source: ev.Source, Channels: ev.Channels, Priority: ev.Priority, DeliverAt: ev.DeliverAt, Subject: ev.Subject, Metadata: ev.Metadata,
		TraceParent: ev.Trace.Parent, TraceState: ev.Trace.State,
	})
}

// BroadcastEvent is the reverse of BroadcastSpec.
func BroadcastEvent(spec []byte) (webhook.Event, error) {
	var s broadcastSpec
	err := json.Unmarshal(spec, &s)
	return webhook.Event{
		Type: s.Type, Data: s.Data, Timestamp: s.Timestamp, IdempotencyKey: s.IdempotencyKey, OrderingKey: s.OrderingKey,
		Source: s.Source, Channels: s.Channels, Priority: s.Priority, DeliverAt: s.DeliverAt, Subject: s.Subject, Metadata: s.Metadata,
		Trace: webhook.TraceContext{Parent: s.TraceParent, State: s.TraceState},
	}, err
}

// broadcast is a job of that kind in the hands of this process.
type broadcast struct{ event webhook.Event }

func newBroadcast(spec []byte) (*broadcast, error) {
	ev, err := BroadcastEvent(spec)
	return &broadcast{ev}, err
}

// step implements task. The next tenants get the event before the cursor moves:
// if it does not, they are given it again, which publishes nothing.
func (w *broadcast) step(ctx context.Context, r *Runner, j *store.Job) (store.JobStep, error) {
	s := store.JobStep{Tenant: j.Tenant, ID: j.ID, Was: j.Cursor}
	tenants, cursor, err := r.Store.Tenants(ctx, j.Cursor, r.Budget.most)
	if err != nil {
		return s, err
	}
	s.Cursor, s.End = cursor, len(tenants) < r.Budget.most
	if len(tenants) > 0 {
		if err := r.Budget.take(ctx, len(tenants)); err != nil {
			return s, err
		}
	}
	got, errs := make([]bool, len(tenants)), make([]error, len(tenants))
	var all sync.WaitGroup
	for i, tenant := range tenants {
		ev := w.event.Clone()
		ev.Tenant = tenant
		all.Go(func() { got[i], errs[i] = r.Publish(ctx, ev) })
	}
	all.Wait()
	for i, err := range errs {
		switch {
		case err == nil && got[i]:
			s.Done++
		case err == nil:
			s.Skipped++
		case batch.Transient(err):
			return s, err
		case errors.Is(err, webhook.ErrIdempotencyConflict):
			// The tenant has an event of that key: another broadcast's.
			s.Skipped++
		default:
			r.Log.Error("broadcast to a tenant; it is left out", zap.String("job", j.ID), zap.Error(err))
			s.Skipped++
		}
	}
	return s, nil
}
