package dispatcher_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkPublishFiltered publishes an event of 1 KiB to an endpoint without and with
// a filter, and with 10,000 different filters on as many endpoints, none of which wants it.
func BenchmarkPublishFiltered(b *testing.B) {
	for _, bb := range []struct {
		name    string
		filters []string
	}{
		{"plain", []string{""}},
		{"filter", []string{`data.total > 100 && data.customer.tier == "gold"`}},
		{"10000 filters", nil},
	} {
		b.Run(bb.name, func(b *testing.B) {
			if bb.filters == nil {
				for i := range 10_000 {
					bb.filters = append(bb.filters, fmt.Sprintf(`data.total > %d && data.customer.tier == "tier %d"`, i%4000, i))
				}
			}
			d, err := dispatcher.New(memstore.New(), dispatcher.Config{Expressions: expressions(b), Logger: zap.NewNop()})
			if err != nil {
				b.Fatal(err)
			}
			m := manage.New(d)
			for i, filter := range bb.filters {
				if _, _, err := m.CreateEndpoint(b.Context(), webhook.Endpoint{Tenant: "acme", URL: fmt.Sprintf("https://e%d.example/", i), Filter: filter}); err != nil {
					b.Fatal(err)
				}
			}
			ev := largeEvent()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Publish(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func largeEvent() webhook.Event {
	return webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(
		`{"id":"inv_1","total":4200,"customer":{"id":"c_1","tier":"gold"},"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"text":"` + strings.Repeat("x", 900) + `"}`)}
}

// BenchmarkShape is what a transform adds to an attempt of an event of 1 KiB.
func BenchmarkShape(b *testing.B) {
	s := send.NewSender(send.Config{Expressions: expression.New(expressions(b)), Log: zap.NewNop()})
	r := &send.Route{}
	r.Endpoint.Transform = `{"id": data.id, "total": data.total, "customer": data.customer, "lines": data.lines.map(l, {"sku": l.sku, "n": l.n})}`
	ev := largeEvent()
	msg := send.NewMessage(&ev)
	b.ReportAllocs()
	for b.Loop() {
		if class := s.Shapes(b.Context(), r, msg); class != webhook.ClassNone {
			b.Fatal(class)
		}
	}
}
