package webhook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
)

// BenchmarkEventValidate is on the path of every Publish.
func BenchmarkEventValidate(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			ev, err := webhook.NewEvent("acme", "invoice.paid", invoice(size))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(ev.Data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := ev.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// invoice returns an ordinary payload of about size bytes.
func invoice(size int) json.RawMessage {
	line := `{"sku":"A-1042","name":"Prepaid plan, 30 days","quantity":3,"price":{"amount":1999,"currency":"EUR"},"tags":["a","b"]}`
	n := max(1, size/(len(line)+1))
	return json.RawMessage(`{"id":"inv_1","lines":[` + strings.Repeat(line+",", n-1) + line + `]}`)
}
