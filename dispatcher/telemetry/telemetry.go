package telemetry

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the name under which spans and metrics are reported (the instrumentation
// scope).
const Scope = "github.com/postrider/postrider"

// Config says where traces and metrics go. The zero value is what most hosts want.
type Config struct {
	// TracerProvider makes the spans.
	// Defaults to otel's global one, also if that is set later.
	TracerProvider trace.TracerProvider
	// MeterProvider makes the instruments.
	// Defaults to otel's global one, also if that is set later.
	MeterProvider metric.MeterProvider
	// EventTypes tells metrics of events and attempts apart by the type of event
	// too. It is for hosts with few types: each has several time series.
	// Defaults to false.
	EventTypes bool
}

// Telemetry makes the spans and keeps the metrics of one dispatcher. It is safe for
// concurrent use.
type Telemetry struct {
	instruments
	tracer   tracer
	recent   recent
	meter    metric.Meter
	observed observed
	// types says that metrics have the type of event.
	types bool
}

// New returns the telemetry of a library of the given version. The error is that of a
// MeterProvider which refuses an instrument.
func New(cfg Config, version string) (*Telemetry, error) {
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	t := &Telemetry{
		tracer: newTracer(cfg.TracerProvider, version), types: cfg.EventTypes,
		meter: cfg.MeterProvider.Meter(Scope, metric.WithInstrumentationVersion(version)),
	}
	var counted, asked error
	t.instruments, counted = newInstruments(t.meter)
	t.observed, asked = newObserved(t.meter)
	if err := errors.Join(counted, asked); err != nil {
		return nil, fmt.Errorf("make instruments: %w", err)
	}
	return t, nil
}
