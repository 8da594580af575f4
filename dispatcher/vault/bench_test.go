package vault_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/vault"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkPublish publishes batches of 64 events of 1 KiB to an SQLite file: in
// clear, sealed by one key, and each about another subject, whose key is made.
func BenchmarkPublish(b *testing.B) {
	const batch = 64
	data := bytes.Repeat([]byte("1"), 1<<10)
	for _, bb := range []struct {
		name    string
		seals   bool
		subject func(n int) string
	}{
		{"clear", false, func(int) string { return "" }},
		{"sealed/one subject", true, func(int) string { return "user/jane" }},
		{"sealed/new subjects", true, func(n int) string { return fmt.Sprint("user/", n) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			raw, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "webhooks.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer raw.Close()
			kr, err := seal.NewKeyring(seal.NewKey())
			if err != nil {
				b.Fatal(err)
			}
			st := vault.New(vault.Config{Sealer: kr, Keys: raw, Seals: bb.seals}).Wrap(raw)
			n := 0
			for b.Loop() {
				pubs := make([]store.Publication, batch)
				for i := range pubs {
					n++
					pubs[i].Event = webhook.Event{
						ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: "a", Subject: bb.subject(n), Data: data, Timestamp: time.Now(),
					}
				}
				if _, err := st.Publish(b.Context(), time.Now(), pubs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/event")
		})
	}
}
