package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/postrider/postrider/webhook"
)

// w3c is how a place in a trace is written, to the store and to receivers. It is not
// the host's to choose: receivers are strangers, who understand W3C Trace Context if
// anything, and must not get the host's baggage.
var w3c propagation.TraceContext

// Inject sets the headers traceparent and tracestate, if ctx is in a trace.
func Inject(ctx context.Context, h http.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		w3c.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// TraceOf returns the place of ctx in its trace, or otherwise if it is in none.
func TraceOf(ctx context.Context, otherwise webhook.TraceContext) webhook.TraceContext {
	if c := contextOf(ctx); c.Parent != "" {
		return c
	}
	return otherwise
}

// contextOf returns the place of ctx in its trace, or nothing if it is in none.
func contextOf(ctx context.Context) webhook.TraceContext {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return webhook.TraceContext{}
	}
	var c carrier
	w3c.Inject(ctx, &c)
	if len(c.State) > webhook.MaxTraceStateLen {
		c.State = ""
	}
	return webhook.TraceContext(c)
}

// spanContext is the reverse of contextOf. It is not valid if what was kept is not.
func spanContext(c webhook.TraceContext) trace.SpanContext {
	if c.Parent == "" {
		return trace.SpanContext{}
	}
	kept := carrier(c) // which is in memory of its own only if there is any
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), &kept))
}

// carrier has the two headers.
type carrier webhook.TraceContext

var _ propagation.TextMapCarrier = (*carrier)(nil)

// Get implements propagation.TextMapCarrier.
func (c *carrier) Get(key string) string {
	if field := c.field(key); field != nil {
		return *field
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c *carrier) Set(key, value string) {
	if field := c.field(key); field != nil {
		*field = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (c *carrier) Keys() []string { return w3c.Fields() }

func (c *carrier) field(key string) *string {
	switch key {
	case "traceparent":
		return &c.Parent
	case "tracestate":
		return &c.State
	}
	return nil
}
