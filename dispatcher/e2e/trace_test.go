package e2e_test

import (
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// An event that one process publishes and tries to deliver, and that another one delivers
// later, is one trace, in every kind of store: what it takes is stored with the event.
func TestTraceSurvivesARestart(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) { testTraceSurvives(t, memstore.New()) })
	eachDatabase(t, testTraceSurvives)
}

func testTraceSurvives(t *testing.T, st store.Store) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
	cfg := dispatcher.Config{Telemetry: telemetry.Config{TracerProvider: provider}}
	rc := newReceiver(t, failFirst)
	first := newHost(t, st, cfg)
	first.create(webhook.Endpoint{URL: rc.URL, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}, Jitter: -1}})
	stop := first.start()
	ctx, request := provider.Tracer("host").Start(t.Context(), "POST /orders")
	receipt, err := first.Publish(ctx, event("order.placed", 1))
	if err != nil {
		t.Fatal(err)
	}
	request.End()
	of := store.DeliveryFilter{Event: receipt.EventID}
	eventually(t, "the first attempt is not written", func() bool {
		list := first.deliveries(tenant, of)
		return len(list) == 1 && list[0].Attempts == 1
	})
	stop()
	second := newHost(t, st, cfg)
	stop = second.start()
	eventually(t, "the retry is not made", func() bool { return second.count(of, webhook.DeliveryDelivered) == 1 })
	stop()

	spans := make(map[string][]tracetest.SpanStub) // each in the order in which they end; an attempt may end before its publish
	for _, s := range exporter.GetSpans() {
		spans[s.Name] = append(spans[s.Name], s)
		want(t, "the trace of "+s.Name, s.SpanContext.TraceID(), request.SpanContext().TraceID())
	}
	publish, attempts := spans["postrider.publish"], spans["postrider.attempt"]
	if len(spans) != 3 || len(publish) != 1 || len(attempts) != 2 {
		t.Fatalf("there are %d publishes and %d attempts among spans of %d names; want one, two, and the host's", len(publish), len(attempts), len(spans))
	}
	for i, a := range attempts {
		want(t, "the parent of an attempt", a.Parent.SpanID(), publish[0].SpanContext.SpanID())
		want(t, "the parent is in another process", a.Parent.IsRemote(), true)
		sc := a.SpanContext
		want(t, "traceparent that the receiver got", rc.got()[i].header.Get("Traceparent"), "00-"+sc.TraceID().String()+"-"+sc.SpanID().String()+"-01")
	}
}
