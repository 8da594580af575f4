package telemetry

import (
	"context"
	"reflect"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// tracer makes spans, if there is anybody to make them for.
type tracer struct {
	trace.Tracer
	// idle is otel's global provider, if that made no spans when the tracer was made:
	// it makes none until another takes its place. Else it is nil.
	idle trace.TracerProvider
}

func newTracer(p trace.TracerProvider, version string) tracer {
	if p != nil {
		return tracer{Tracer: p.Tracer(Scope, trace.WithInstrumentationVersion(version))}
	}
	p = otel.GetTracerProvider()
	t := tracer{Tracer: p.Tracer(Scope, trace.WithInstrumentationVersion(version))}
	if !makesSpans(t.Tracer) && reflect.ValueOf(p).Comparable() {
		t.idle = p
	}
	return t
}

// on reports whether spans are made. Where nobody has installed an SDK, asking is all
// that tracing costs: starting a span that is none would be three allocations.
func (t *tracer) on() bool {
	return t.idle == nil || otel.GetTracerProvider() != t.idle
}

// makesSpans reports whether a tracer makes spans of its own, sampled or not. One that
// does not hands the parent back as it is. The parent is not sampled, so that nothing is
// recorded, and the span is not ended, so that nothing is exported even if it were.
func makesSpans(t trace.Tracer) bool {
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 1}, Remote: true})
	_, span := t.Start(trace.ContextWithRemoteSpanContext(context.Background(), parent), "postrider")
	id := span.SpanContext().SpanID()
	return id.IsValid() && id != parent.SpanID()
}
