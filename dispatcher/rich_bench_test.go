//go:build unix

package dispatcher_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// richSchema is that of an invoice with lines, each of its kinds of rules in use.
const richSchema = `{"type":"object","properties":{"id":{"type":"string","minLength":1},"total":{"type":"integer","minimum":0},"currency":{"enum":["EUR","USD"]},
	"email":{"type":"string","format":"email"},"at":{"type":"string","format":"date-time"},"note":{"type":"string","maxLength":2000},
	"lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1},"price":{"type":"number"}},"required":["sku","quantity"]}}},
	"required":["id","total","currency","lines"]}`

// richData is an invoice of 1 KiB.
func richData() json.RawMessage {
	var lines []string
	for i := range 8 {
		lines = append(lines, fmt.Sprintf(`{"sku":"sku-%04d","quantity":%d,"price":19.95}`, i, i+1))
	}
	head := `{"id":"inv_1","total":4200,"currency":"EUR","email":"jane@example.com","at":"2026-03-01T12:00:00Z","lines":[` + strings.Join(lines, ",") + `],"note":"`
	return json.RawMessage(head + strings.Repeat("x", 1024-len(head)-2) + `"}`)
}

// BenchmarkPublishRich is what a schema, a filter and a transform cost of an event of
// 1 KiB: it is published to memory, to one endpoint, and its body is made once, as for an
// attempt. CPU is that of the whole process, garbage collection included. The last line has
// what all three together cost over a plain event:
//
//	go test ./dispatcher -run XXX -bench PublishRich -benchtime 20000x
func BenchmarkPublishRich(b *testing.B) {
	const filter, transform = `data.total > 100 && data.currency == "EUR"`,
		`{"id": data.id, "total": data.total, "lines": data.lines.map(l, {"sku": l.sku, "quantity": l.quantity})}`
	var plain float64
	for _, bb := range []struct {
		name              string
		schema            bool
		filter, transform string
	}{
		{"plain", false, "", ""},
		{"schema", true, "", ""},
		{"filter", false, filter, ""},
		{"transform", false, "", transform},
		{"all", true, filter, transform},
	} {
		b.Run(bb.name, func(b *testing.B) {
			cpu := publishRich(b, bb.schema, bb.filter, bb.transform)
			b.ReportMetric(cpu, "cpu-µs/event")
			if bb.name == "plain" {
				plain = cpu
				return
			}
			b.ReportMetric(cpu-plain, "over-plain-µs/event")
		})
	}
}

// publishRich runs one of the benchmarks and returns the microseconds of CPU for an event.
func publishRich(b *testing.B, schema bool, filter, transform string) float64 {
	b.Helper()
	eventType := webhook.EventType{Name: "invoice.paid"}
	if schema {
		eventType = eventType.WithSchema(json.RawMessage(richSchema), time.Time{})
	}
	engine := expressions(b)
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{Expressions: engine, EventTypes: []webhook.EventType{eventType}, Logger: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	ep, _, err := manage.New(d).CreateEndpoint(b.Context(), webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", Filter: filter, Transform: transform})
	if err != nil {
		b.Fatal(err)
	}
	sender := send.NewSender(send.Config{Expressions: expression.New(engine), Log: zap.NewNop()})
	ev, route := webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: richData()}, &send.Route{Endpoint: ep}
	b.ReportAllocs()
	began := processTime(b)
	for b.Loop() {
		receipt, err := d.Publish(b.Context(), ev)
		if err != nil || receipt.Deliveries != 1 {
			b.Fatalf("Publish = %+v, %v; want one delivery", receipt, err)
		}
		if class := sender.Shapes(b.Context(), route, send.NewMessage(&ev)); class != webhook.ClassNone {
			b.Fatal(class)
		}
	}
	return float64((processTime(b) - began).Nanoseconds()) / 1000 / float64(b.N)
}

// processTime returns the CPU time that the process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
