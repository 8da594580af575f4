package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/postrider/postrider/webhook"
)

// instruments are what is counted and measured as it happens.
type instruments struct {
	published, publishErrors, created, ended, attempts, refused, leasesLost, storeErrors, filterErrors, paused, incidents metric.Int64Counter

	publishBatch, settleBatch metric.Int64Histogram
	latency, duration         metric.Float64Histogram
}

func newInstruments(m metric.Meter) (instruments, error) {
	var i instruments
	var errs error
	for _, c := range []struct {
		in   *metric.Int64Counter
		what Metric
	}{
		{&i.published, published},
		{&i.publishErrors, publishErrors},
		{&i.created, created},
		{&i.ended, ended},
		{&i.attempts, attempts},
		{&i.refused, refused},
		{&i.leasesLost, leasesLost},
		{&i.storeErrors, storeErrors},
		{&i.filterErrors, filterErrors},
		{&i.paused, paused},
		{&i.incidents, incidents},
	} {
		var err error
		*c.in, err = m.Int64Counter(c.what.Name, metric.WithUnit(c.what.Unit), metric.WithDescription(c.what.Description))
		errs = errors.Join(errs, err)
	}
	sizes := func(what Metric) metric.Int64Histogram {
		h, err := m.Int64Histogram(what.Name, metric.WithUnit(what.Unit), metric.WithDescription(what.Description), metric.WithExplicitBucketBoundaries(what.Buckets...))
		errs = errors.Join(errs, err)
		return h
	}
	times := func(what Metric) metric.Float64Histogram {
		h, err := m.Float64Histogram(what.Name, metric.WithUnit(what.Unit), metric.WithDescription(what.Description), metric.WithExplicitBucketBoundaries(what.Buckets...))
		errs = errors.Join(errs, err)
		return h
	}
	i.publishBatch, i.settleBatch, i.latency, i.duration = sizes(publishBatch), sizes(settleBatch), times(latency), times(duration)
	return i, errs
}

// count adds to a counter. Without an SDK it costs a comparison: nothing is put together
// before it is asked for.
func count(c metric.Int64Counter, n int, key attribute.Key, value string) {
	ctx := context.Background()
	switch {
	case n == 0 || !c.Enabled(ctx):
	case key == "":
		c.Add(ctx, int64(n))
	default:
		c.Add(ctx, int64(n), metric.WithAttributes(key.String(value)))
	}
}

// typed returns attributes and the type of an event, if that is wanted.
func (t *Telemetry) typed(eventType string, attrs ...attribute.KeyValue) metric.MeasurementOption {
	if t.types && eventType != "" {
		attrs = append(attrs, attrEventType.String(eventType))
	}
	return metric.WithAttributes(attrs...)
}

// countPublished counts an event that was stored, and its deliveries.
func (t *Telemetry) countPublished(eventType string, deliveries int) {
	ctx := context.Background()
	if t.published.Enabled(ctx) {
		t.published.Add(ctx, 1, t.typed(eventType))
	}
	if deliveries > 0 && t.created.Enabled(ctx) {
		t.created.Add(ctx, int64(deliveries), t.typed(eventType))
	}
}

// countAttempt counts an attempt that has ended and began at a time.
func (t *Telemetry) countAttempt(eventType string, began time.Time, o *Outcome) {
	ctx := context.Background()
	if t.attempts.Enabled(ctx) {
		attrs := []attribute.KeyValue{attrOutcome.String(o.name())}
		if o.Class != webhook.ClassNone {
			attrs = append(attrs, attrErrorType.String(string(o.Class)))
		}
		t.attempts.Add(ctx, 1, t.typed(eventType, attrs...))
	}
	if t.duration.Enabled(ctx) {
		t.duration.Record(ctx, max(o.At.Sub(began), 0).Seconds(), metric.WithAttributes(attrOutcome.String(o.name())))
	}
}

// MeasuresLatency reports whether anybody wants to be told by Delivered.
func (t *Telemetry) MeasuresLatency() bool { return t.latency.Enabled(context.Background()) }

// Delivered tells how long a delivery took from when it was first due.
func (t *Telemetry) Delivered(took time.Duration) {
	t.latency.Record(context.Background(), max(took, 0).Seconds())
}

// Ended tells of a delivery that was written as ended.
func (t *Telemetry) Ended(eventType string, status webhook.DeliveryStatus) {
	if ctx := context.Background(); t.ended.Enabled(ctx) {
		t.ended.Add(ctx, 1, t.typed(eventType, attrStatus.String(string(status))))
	}
}

// PublishBatch tells of a transaction that writes events.
func (t *Telemetry) PublishBatch(events int) { record(t.publishBatch, events) }

// SettleBatch tells of a transaction that writes outcomes.
func (t *Telemetry) SettleBatch(outcomes int) { record(t.settleBatch, outcomes) }

func record(h metric.Int64Histogram, n int) {
	if ctx := context.Background(); h.Enabled(ctx) {
		h.Record(ctx, int64(n))
	}
}

// Refused tells of outcomes that were not written, since others have the deliveries.
func (t *Telemetry) Refused(outcomes int) { count(t.refused, outcomes, "", "") }

// LeaseLost tells of a lease that others took.
func (t *Telemetry) LeaseLost() { count(t.leasesLost, 1, "", "") }

// StoreFailed tells of a call to the store that failed. operation is one of a few words.
func (t *Telemetry) StoreFailed(operation string) {
	count(t.storeErrors, 1, attrStoreOperation, operation)
}

// FilterFailed tells of a filter that failed.
func (t *Telemetry) FilterFailed() { count(t.filterErrors, 1, "", "") }

// Paused tells of an endpoint that was paused automatically.
func (t *Telemetry) Paused(cause webhook.PauseCause) { count(t.paused, 1, attrCause, string(cause)) }

// Incident tells of an incident that has reached its threshold.
func (t *Telemetry) Incident(kind webhook.IncidentKind) {
	count(t.incidents, 1, attrIncident, string(kind))
}
