package dispatcher_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// traced is what a host with an SDK has: what it exports, and a tracer of its own.
type traced struct {
	*tracetest.InMemoryExporter
	provider *sdk.TracerProvider
}

func newTraced(opts ...sdk.TracerProviderOption) *traced {
	e := tracetest.NewInMemoryExporter()
	return &traced{e, sdk.NewTracerProvider(append(opts, sdk.WithSyncer(e))...)}
}

func (tr *traced) config() telemetry.Config { return telemetry.Config{TracerProvider: tr.provider} }

// begin begins a span of the host's own.
func (tr *traced) begin(ctx context.Context, name string) (context.Context, trace.Span) {
	return tr.provider.Tracer("host").Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
}

// spanRow is a span as it was exported. Parent and Links are names of other spans, with
// their number among those of the name from 1.
type spanRow struct {
	Name, Parent string
	Links        []string
	Kind         trace.SpanKind
	Status       sdk.Status
	Attributes   map[string]any
}

// rows returns the spans in the order in which they ended, and their names by id.
func (tr *traced) rows() (all []spanRow, names map[trace.SpanID]string) {
	names = make(map[trace.SpanID]string)
	counts := make(map[string]int)
	stubs := tr.GetSpans()
	for _, s := range stubs {
		counts[s.Name]++
		names[s.SpanContext.SpanID()] = s.Name + " " + string(rune('0'+counts[s.Name]))
	}
	for _, s := range stubs {
		one := spanRow{
			Name: names[s.SpanContext.SpanID()], Parent: names[s.Parent.SpanID()], Kind: s.SpanKind, Status: s.Status, Attributes: valuesOf(s.Attributes),
		}
		for _, l := range s.Links {
			one.Links = append(one.Links, names[l.SpanContext.SpanID()])
		}
		all = append(all, one)
	}
	return all, names
}

func valuesOf(attrs []attribute.KeyValue) map[string]any {
	values := make(map[string]any)
	for _, a := range attrs {
		values[string(a.Key)] = a.Value.AsInterface()
	}
	return values
}

// inTrace returns the place in a trace that a request's headers say.
func inTrace(h http.Header) trace.SpanContext {
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h)))
}

// headers answers like h and keeps the headers of requests.
func headers(h receiver) (receiver, *[]http.Header) {
	var got []http.Header
	return func(ctx context.Context, n int, req *transport.Request) (*transport.Response, error) {
		got = append(got, req.Header.Clone())
		return h(ctx, n, req)
	}, &got
}

// statuses answers the nth request with the nth status, and all later ones with the last.
func statuses(codes ...int) receiver {
	return func(ctx context.Context, n int, req *transport.Request) (*transport.Response, error) {
		return status(codes[min(n, len(codes))-1])(ctx, n, req)
	}
}

// One event, whose first attempt fails, is one story: the host's request, the publish in
// it, and both attempts, the second of which is linked to the first. The receiver is told
// of the attempt's span.
func TestTraceOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraced()
		w := newWorld(t, nil, dispatcher.Config{Telemetry: tr.config()})
		answer, got := headers(statuses(503, 200))
		ep := w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://a.example:8443/hooks/TOKEN?key=TOKEN", Method: "PUT", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 5 * time.Second}, Jitter: -1},
		}, answer)
		ctx, span := tr.begin(t.Context(), "POST /orders")
		receipt, err := w.Publish(ctx, event("order.placed", 1))
		if err != nil {
			t.Fatal(err)
		}
		span.End()
		wait(2 * time.Second) // it is late because nobody delivers
		defer w.run()()
		wait(10 * time.Second)

		delivery := w.only(receipt)
		of := func(more map[string]any) map[string]any {
			for k, v := range map[string]any{
				"messaging.system": "postrider", "messaging.operation.name": "attempt", "messaging.operation.type": "send", "messaging.message.id": receipt.EventID,
				"http.request.method": "PUT", "server.address": "a.example", "server.port": int64(8443),
				"postrider.tenant": "acme", "postrider.endpoint.id": ep.ID, "postrider.delivery.id": delivery.ID, "postrider.event.type": "order.placed",
			} {
				more[k] = v
			}
			return more
		}
		spans, names := tr.rows()
		wanted := []spanRow{
			{Name: "postrider.publish 1", Parent: "POST /orders 1", Kind: trace.SpanKindProducer, Attributes: map[string]any{
				"messaging.system": "postrider", "messaging.operation.name": "publish", "messaging.operation.type": "send", "messaging.message.id": receipt.EventID,
				"messaging.message.body.size": int64(1), "postrider.tenant": "acme", "postrider.event.type": "order.placed", "postrider.deliveries": int64(1),
			}},
			{Name: "POST /orders 1", Kind: trace.SpanKindServer, Attributes: map[string]any{}},
			{Name: "postrider.attempt 1", Parent: "postrider.publish 1", Kind: trace.SpanKindClient, Status: sdk.Status{Code: 1, Description: "http_status"}, Attributes: of(map[string]any{
				"postrider.attempt.number": int64(1), "http.response.status_code": int64(503), "error.type": "http_status", "postrider.outcome": "retry",
				"postrider.queue.duration": 2.0,
			})},
			{Name: "postrider.attempt 2", Parent: "postrider.publish 1", Links: []string{"postrider.attempt 1"}, Kind: trace.SpanKindClient, Attributes: of(map[string]any{
				"postrider.attempt.number": int64(2), "http.request.resend_count": int64(1), "http.response.status_code": int64(200), "postrider.outcome": "delivered",
				"postrider.queue.duration": 0.0,
			})},
		}
		if diff := cmp.Diff(wanted, spans); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
		for i, name := range []string{"postrider.attempt 1", "postrider.attempt 2"} {
			sc := inTrace((*got)[i])
			want(t, "the trace that a receiver is in", sc.TraceID(), span.SpanContext().TraceID())
			want(t, "the span that the receiver got as its parent", names[sc.SpanID()], name)
		}
		for i, a := range w.attempts(delivery) {
			want(t, "traceparent in the attempt's log", a.RequestHeaders["Traceparent"], (*got)[i].Get("Traceparent"))
		}
	})
}

// Every way to publish has its span, one for each event, which says why it failed.
func TestEveryPublishIsTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraced()
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{Telemetry: tr.config()})
		w.endpoint("a", status(200))
		wrong, keyed := event("no type!", 1), event("a.b", 2)
		keyed.IdempotencyKey = "one"
		answers := w.PublishMany(t.Context(), []webhook.Event{event("a.b", 1), wrong, keyed, keyed})
		keyed.Data = []byte(`3`)
		_, conflict := w.Publish(t.Context(), keyed)
		want(t, "publishing other content under the key is a conflict", errors.Is(conflict, webhook.ErrIdempotencyConflict), true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Publish(ctx, event("a.b", 4)); err == nil {
			t.Error("Publish on a context that has ended = nil; want an error")
		}
		tx := st.Begin()
		if _, err := w.PublishTx(t.Context(), tx, event("a.b", 5)); err != nil {
			t.Fatal(err)
		}
		spans, _ := tr.rows()
		type row struct {
			id, class string
			duplicate bool
		}
		var got []row
		for _, s := range spans {
			id, _ := s.Attributes["messaging.message.id"].(string)
			class, _ := s.Attributes["error.type"].(string)
			duplicate, _ := s.Attributes["postrider.duplicate"].(bool)
			want(t, "description of the status", s.Status.Description, class)
			got = append(got, row{id, class, duplicate})
		}
		first, second := answers[0].EventID, answers[2].EventID
		wanted := []row{{first, "", false}, {"", "invalid", false}, {second, "", false}, {second, "", true}, {"", "idempotency_conflict", false}, {"", "canceled", false}}
		if len(got) != len(wanted)+1 || !cmp.Equal(got[:len(wanted)], wanted, cmp.AllowUnexported(row{})) {
			t.Errorf("publishes are traced as %v; want %v and one in a transaction", got, wanted)
		}
	})
}

// A batch has many publishers: it is a trace of its own, with a link to each.
func TestBatchIsLinkedToItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraced()
		w := newWorld(t, nil, dispatcher.Config{Telemetry: tr.config()})
		answer, got := headers(statuses(500, 200))
		w.create(batched("https://b.example/", 3, time.Minute), answer)
		defer w.run()()
		w.publish(3, "a.b")
		wait(10 * time.Second)
		spans, names := tr.rows()
		first, second := spans[3], spans[4]
		events := []string{"postrider.publish 1", "postrider.publish 2", "postrider.publish 3"}
		if diff := cmp.Diff([]string{"", "", ""}, []string{first.Parent, second.Parent, spans[0].Parent}); diff != "" {
			t.Errorf("parents of the attempts and of an event (-want +got):\n%s", diff)
		}
		slices.Sort(first.Links)
		slices.Sort(second.Links)
		if diff := cmp.Diff([][]string{events, append([]string{"postrider.attempt 1"}, events...)}, [][]string{first.Links, second.Links}); diff != "" {
			t.Errorf("links of the attempts (-want +got):\n%s", diff)
		}
		want(t, "messages in the batch", first.Attributes["messaging.batch.message_count"], any(int64(3)))
		want(t, "id of the message", first.Attributes["messaging.message.id"], any((*got)[0].Get("Webhook-Id")))
		want(t, "number of the second attempt", second.Attributes["postrider.attempt.number"], any(int64(2)))
		want(t, "the span that the receiver got as its parent", names[inTrace((*got)[1]).SpanID()], "postrider.attempt 2")
	})
}

// A trace that is not sampled is not sampled later either, by whoever retries.
func TestUnsampledStaysUnsampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraced(sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())))
		w := newWorld(t, nil, dispatcher.Config{Telemetry: tr.config()})
		answer, got := headers(status(200))
		w.endpoint("a", answer)
		remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
		if _, err := w.Publish(trace.ContextWithRemoteSpanContext(t.Context(), remote), event("a.b", 1)); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		wait(time.Second)
		want(t, "spans", len(tr.GetSpans()), 0)
		sc := inTrace((*got)[0])
		want(t, "the receiver's trace", sc.TraceID(), remote.TraceID())
		want(t, "the receiver is told to sample", sc.IsSampled(), false)
	})
}

// Without an SDK nothing is stored or sent of traces that are not there, and a trace
// that the host is in goes through as it is.
func TestWithoutSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		answer, got := headers(status(200))
		w.endpoint("a", answer)
		defer w.run()()
		none := w.publish(1, "a.b")[0]
		wait(time.Second)
		want(t, "traceparent that is sent", (*got)[0].Get("Traceparent"), "")
		ev, err := w.store.Event(t.Context(), "acme", none.EventID)
		if err != nil || ev.Trace != (webhook.TraceContext{}) {
			t.Errorf("trace that is stored = %+v, %v; want none", ev.Trace, err)
		}

		state, err := trace.ParseTraceState("host=1")
		if err != nil {
			t.Fatal(err)
		}
		remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1, TraceState: state})
		if _, err := w.Publish(trace.ContextWithRemoteSpanContext(t.Context(), remote), event("a.b", 2)); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		sc := inTrace((*got)[1])
		if !sc.Equal(remote.WithRemote(true)) {
			t.Errorf("the receiver is in %v; want %v", sc, remote)
		}
		want(t, "tracestate that is sent", (*got)[1].Get("Tracestate"), "host=1")
	})
}

// What comes from elsewhere cannot fill the database, and what is stored and makes no
// sense hurts nobody.
func TestTraceStateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		answer, got := headers(status(200))
		w.endpoint("a", answer)
		var members []string
		for _, name := range []string{"a", "b", "c"} {
			members = append(members, name+"="+strings.Repeat("x", 200))
		}
		state, err := trace.ParseTraceState(strings.Join(members, ","))
		if err != nil {
			t.Fatal(err)
		}
		remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceState: state})
		r, err := w.Publish(trace.ContextWithRemoteSpanContext(t.Context(), remote), event("a.b", 1))
		if err != nil {
			t.Fatal(err)
		}
		ev, err := w.store.Event(t.Context(), "acme", r.EventID)
		if err != nil || ev.Trace.State != "" || ev.Trace.Parent == "" {
			t.Errorf("trace that is stored = %+v, %v; want the parent alone", ev.Trace, err)
		}
		broken := &brokenTraces{w.store}
		second := newWorld(t, broken, dispatcher.Config{})
		second.net.handlers = w.net.handlers
		defer second.run()()
		wait(time.Second)
		want(t, "deliveries", len(*got), 1)
		want(t, "traceparent that is sent", (*got)[0].Get("Traceparent"), "")
	})
}

// brokenTraces has something else where a trace was stored.
type brokenTraces struct{ store.Store }

func (s *brokenTraces) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	events, err := s.Store.EventsByKey(ctx, keys)
	for i := range events {
		events[i].Trace = webhook.TraceContext{Parent: "00-zz\r\nX-Evil: 1", State: "\x00"}
	}
	return events, err
}
