package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/postrider/postrider/webhook"
)

// Attempt is one request that is about to be made.
type Attempt struct {
	Endpoint *webhook.Endpoint
	// Delivery is the one that is sent, and Event its event. A batch has the first.
	Delivery, Event, EventType string
	// Trace is where the event was published.
	Trace webhook.TraceContext
	// N is the number of the attempt, from 1.
	N int
	// Due is since when the delivery was to be sent, zero if that is not known.
	Due time.Time
	// Batch is the batch that goes in the request, or "", and Members its deliveries.
	Batch   string
	Members []Member
}

// Member is a delivery of a batch.
type Member struct {
	Delivery string
	Trace    webhook.TraceContext
}

// Sending is an attempt that is being made.
type Sending struct {
	t                   *Telemetry
	span                trace.Span // or nil
	began               time.Time
	delivery, eventType string
}

// Tracing reports whether spans are made, for those who would have to gather what one
// is about.
func (t *Telemetry) Tracing() bool { return t.tracer.on() }

// StartAttempt begins the span of an attempt, in the trace of its event, and returns a
// context that is in it, which is what the receiver is told of. now is when it begins.
func (t *Telemetry) StartAttempt(ctx context.Context, now time.Time, a Attempt) (context.Context, Sending) {
	parent := spanContext(a.Trace)
	if parent.IsValid() && a.Batch == "" {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	if !t.tracer.on() {
		return ctx, Sending{t, nil, now, a.Delivery, a.EventType}
	}
	attrs, links := a.attributes(), a.links()
	if before, ok := t.recent.take(a.Delivery); ok {
		links = append(links, trace.Link{SpanContext: before.span})
		a.Due = before.due
	}
	if !a.Due.IsZero() {
		attrs = append(attrs, attribute.Float64(AttributeQueued, max(now.Sub(a.Due), 0).Seconds()))
	}
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now), trace.WithAttributes(attrs...), trace.WithLinks(links...),
	}
	if a.Batch != "" {
		opts = append(opts, trace.WithNewRoot())
	}
	ctx, span := t.tracer.Start(ctx, "postrider.attempt", opts...)
	return ctx, Sending{t, span, now, a.Delivery, a.EventType}
}

func (a *Attempt) attributes() []attribute.KeyValue {
	ep := a.Endpoint
	method := ep.Method
	if method == "" {
		method = "POST"
	}
	attrs := append(serverOf(ep.URL),
		attrSystem.String("postrider"), attrOperation.String("attempt"), attrOperationType.String("send"), attrMethod.String(method),
		attrTenant.String(ep.Tenant), attrEndpoint.String(ep.ID), attrAttempt.Int(a.N))
	if a.Batch != "" {
		attrs = append(attrs, attrMessage.String(a.Batch), attrBatch.String(a.Batch), attrBatchSize.Int(len(a.Members)))
	} else {
		attrs = append(attrs, attrMessage.String(a.Event), attrDelivery.String(a.Delivery), attrEventType.String(a.EventType))
	}
	if a.N > 1 {
		attrs = append(attrs, attrResends.Int(a.N-1))
	}
	return attrs
}

// links leads from a batch to where each of its events was published.
func (a *Attempt) links() []trace.Link {
	var links []trace.Link
	for _, m := range a.Members {
		if sc := spanContext(m.Trace); sc.IsValid() {
			links = append(links, trace.Link{SpanContext: sc, Attributes: []attribute.KeyValue{attrDelivery.String(m.Delivery)}})
		}
	}
	return links
}

// Outcome is what an attempt came to.
type Outcome struct {
	Class      webhook.ErrorClass
	StatusCode int
	Status     webhook.DeliveryStatus
	// Retry is when it is tried again, if Status is pending.
	Retry time.Time
	// At is when the attempt ended.
	At time.Time
}

// name says in one word what becomes of the delivery.
func (o *Outcome) name() string {
	if o.Status == webhook.DeliveryPending {
		return "retry"
	}
	return string(o.Status)
}

// End ends the span, and counts the attempt.
func (s Sending) End(o Outcome) {
	s.t.countAttempt(s.eventType, s.began, &o)
	if s.span == nil {
		return
	}
	s.span.SetAttributes(attrOutcome.String(o.name()))
	if o.StatusCode != 0 {
		s.span.SetAttributes(attrStatusCode.Int(o.StatusCode))
	}
	if o.Class != webhook.ClassNone {
		s.span.SetAttributes(attrErrorType.String(string(o.Class)))
		s.span.SetStatus(codes.Error, string(o.Class))
	}
	if sc := s.span.SpanContext(); o.Status == webhook.DeliveryPending && sc.IsSampled() {
		s.t.recent.put(s.delivery, attempted{sc, o.Retry})
	}
	s.span.End(trace.WithTimestamp(o.At))
}
