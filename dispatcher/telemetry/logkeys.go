package telemetry

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// logKeys are the keys of what the library logs. They stay the same, so that searches
// and alarms may rest on them.
var logKeys = map[string]string{
	"after":        "How long until it is tried again.",
	"ahead":        "How far this process's clock is ahead of the database's.",
	"batch":        "Id of a batch (bat_…).",
	"before":       "Which step an operational event was dropped before: publish or hook.",
	"cause":        "What something happened for: why an endpoint was paused, or what tells an operational event from others.",
	"change":       "What a new schema breaks.",
	"count":        "How often an incident was seen.",
	"deliveries":   "How many deliveries it is about.",
	"delivery":     "Id of a delivery (dlv_…).",
	"endpoint":     "Id of an endpoint (ep_…).",
	"error":        "The error, without secrets, payloads and queries of URLs.",
	"event":        "Id of an event (evt_…).",
	"event_type":   "Type of an event.",
	"events":       "How many events it is about.",
	"in_its_place": "The type that has taken the place of a deprecated one.",
	"incident":     "Id of an incident (inc_…).",
	"incidents":    "How many incidents it is about.",
	"job":          "Id of a job (job_…).",
	"kind":         "Kind of an incident or of a job.",
	"page":         "Page of the console.",
	"panic":        "What a panic said that was caught.",
	"pointer":      "JSON pointer to what a schema refuses.",
	"problem":      "What a schema says of it.",
	"shard":        "Name of the shard.",
	"so_far":       "How often that has happened in this process.",
	"span_id":      "Span of the attempt.",
	"stack":        "Where a panic was.",
	"stored":       "How many of the events are known to be stored.",
	"token":        "Id of an API key or portal token.",
	"trace_id":     "Trace of the event.",
	"version":      "Version of an event type's schema.",
	"violations":   "How many rules of a schema are broken.",
}

// LogKeys returns the keys of what the library logs, and what stands under them.
func LogKeys() map[string]string { return maps.Clone(logKeys) }

// LogFields returns the trace and the span that ctx is in, or nothing.
func LogFields(ctx context.Context) []zap.Field {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return nil
	}
	return []zap.Field{zap.Stringer("trace_id", sc.TraceID()), zap.Stringer("span_id", sc.SpanID())}
}
