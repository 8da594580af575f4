package telemetry_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/webhook"
)

// Without an SDK what is told of an event and its attempt is told to nobody, and costs no
// memory. It is not parallel: AllocsPerRun counts those of the whole process.
func TestNobodyListensAtNoCost(t *testing.T) {
	tel, err := telemetry.New(telemetry.Config{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	ev := webhook.Event{Tenant: "acme", Type: "a.b", Data: []byte(`{}`)}
	attempt := telemetry.Attempt{Endpoint: &webhook.Endpoint{URL: "https://a.example/"}, Delivery: "dlv_1", Event: "evt_1", EventType: "a.b", N: 1}
	header := http.Header{}
	refused := errors.New("refused")
	allocs := testing.AllocsPerRun(100, func() {
		_, told := tel.StartPublish(ctx, &ev)
		told.End(webhook.Receipt{EventID: "evt_1", Deliveries: 2}, nil)
		told.End(webhook.Receipt{}, refused)
		began, sending := tel.StartAttempt(ctx, time.Time{}, attempt)
		telemetry.Inject(began, header)
		sending.End(telemetry.Outcome{Class: webhook.ClassHTTPStatus, StatusCode: 500, Status: webhook.DeliveryPending})
		tel.Ended("a.b", webhook.DeliveryDelivered)
		tel.PublishBatch(1)
		tel.SettleBatch(1)
		tel.StoreFailed("settle")
	})
	if allocs > 0 || len(header) > 0 {
		t.Errorf("telling nobody takes %v allocations and sets %v; want none", allocs, header)
	}
}

// A provider that is asked whether it makes spans exports none for that.
func TestNewExportsNothing(t *testing.T) {
	t.Parallel()
	e := tracetest.NewInMemoryExporter()
	if _, err := telemetry.New(telemetry.Config{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(e))}, "test"); err != nil {
		t.Fatal(err)
	}
	if spans := e.GetSpans(); len(spans) > 0 {
		t.Errorf("New has exported %v; want nothing", spans)
	}
}

// Names and attributes of metrics are told from each other, and every one says what it is.
func TestMetricsAreDescribed(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, m := range telemetry.Metrics() {
		if m.Name == "" || m.Unit == "" || m.Description == "" || seen[m.Name] || m.Kind == telemetry.Histogram != (m.Buckets != nil) {
			t.Errorf("%+v needs a name of its own, a unit, a description, and buckets if it is a histogram", m)
		}
		seen[m.Name] = true
	}
}
