package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Publish is an event that is being published.
type Publish struct {
	t         *Telemetry
	span      trace.Span // or nil
	trace     webhook.TraceContext
	eventType string
}

// StartPublish begins the span of an event that is about to be published, in the trace
// that ctx is in, or else that the event says, and returns a context that is in the span.
func (t *Telemetry) StartPublish(ctx context.Context, ev *webhook.Event) (context.Context, Publish) {
	if ev.Trace.Parent != "" && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, spanContext(ev.Trace))
	}
	if !t.tracer.on() {
		return ctx, Publish{t: t, trace: contextOf(ctx), eventType: ev.Type}
	}
	ctx, span := t.tracer.Start(ctx, "postrider.publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attrSystem.String("postrider"), attrOperation.String("publish"), attrOperationType.String("send"),
		attrMessageSize.Int(len(ev.Data)), attrTenant.String(ev.Tenant), attrEventType.String(ev.Type),
	))
	return ctx, Publish{t, span, contextOf(ctx), ev.Type}
}

// Trace is what attempts at the event's deliveries belong to.
func (p Publish) Trace() webhook.TraceContext { return p.trace }

// End ends the span by the answer that the caller gets, and counts the event.
func (p Publish) End(r webhook.Receipt, err error) {
	class := ""
	switch {
	case err != nil:
		class = publishError(err)
		count(p.t.publishErrors, 1, attrErrorType, class)
	case !r.Duplicate:
		p.t.countPublished(p.eventType, r.Deliveries)
	}
	if p.span == nil {
		return
	}
	if class != "" {
		p.span.SetAttributes(attrErrorType.String(class))
		p.span.SetStatus(codes.Error, class)
	} else {
		p.span.SetAttributes(attrMessage.String(r.EventID), attrDeliveries.Int(r.Deliveries))
		if r.Duplicate {
			p.span.SetAttributes(attrDuplicate.Bool(true))
		}
	}
	p.span.End()
}

// publishError says in one word of a fixed list why an event was not published. The
// error's own text stays with the caller: it may be about what the event has in it.
func publishError(err error) string {
	if _, ok := errors.AsType[*webhook.QuotaError](err); ok {
		return "quota"
	}
	switch {
	case errors.Is(err, webhook.ErrInvalid):
		return "invalid"
	case errors.Is(err, webhook.ErrIdempotencyConflict):
		return "idempotency_conflict"
	case errors.Is(err, store.ErrUnknown):
		return "unknown"
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	}
	return "_OTHER" // what the conventions call all else
}
