package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkLife publishes events that are handed over and settles them, in batches
// as the dispatcher makes them; one operation is one event.
func BenchmarkLife(b *testing.B) {
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			server := postgrestest.Shared(b)
			cfg := postgres.Config{Schema: server.Schema(b)}
			pool := server.Pool(b)
			if err := postgres.Migrate(b.Context(), pool, cfg); err != nil {
				b.Fatal(err)
			}
			st, err := postgres.New(b.Context(), pool, cfg)
			if err != nil {
				b.Fatal(err)
			}
			epoch, err := st.Acquire(b.Context(), time.Now(), store.Process{Host: "bench"}, time.Minute)
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 1024)
			var published, settled time.Duration
			b.ReportAllocs()
			for done := 0; done < b.N; done += size {
				n := min(size, b.N-done)
				pubs, items := batchOf(n, epoch, payload)
				began := time.Now()
				if _, err := st.Publish(b.Context(), began, pubs); err != nil {
					b.Fatal(err)
				}
				between := time.Now()
				result, err := st.Settle(b.Context(), between, store.Settlement{Epoch: epoch, Items: items})
				if err != nil || len(result.Lost) > 0 {
					b.Fatalf("Settle = %d lost, error %v; want none", len(result.Lost), err)
				}
				published += between.Sub(began)
				settled += time.Since(between)
			}
			b.ReportMetric(float64(published.Microseconds())/float64(b.N), "publish-µs/op")
			b.ReportMetric(float64(settled.Microseconds())/float64(b.N), "settle-µs/op")
		})
	}
}

// batchOf returns events that go to one endpoint, and their deliveries' ends.
func batchOf(n int, epoch int64, payload []byte) ([]store.Publication, []store.Settled) {
	pubs, items := make([]store.Publication, n), make([]store.Settled, n)
	now := time.Now()
	for i := range n {
		d := store.NewDelivery{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: "ep_1", HandOver: true}
		pubs[i] = store.Publication{
			Event: webhook.Event{
				ID: webhook.NewID(webhook.PrefixEvent), Tenant: "acme", Type: "invoice.paid", Data: payload, Timestamp: now,
			},
			Epoch: epoch, Deliveries: []store.NewDelivery{d},
		}
		items[i] = store.Settled{
			Tenant: "acme", Delivery: d.ID, Endpoint: d.Endpoint, EventType: "invoice.paid", Claim: 1,
			Status: webhook.DeliveryDelivered,
			Attempt: &webhook.Attempt{
				ID: webhook.NewID(webhook.PrefixAttempt), Tenant: "acme", DeliveryID: d.ID, N: 1, At: now, StatusCode: 200,
				RemoteAddr: "127.0.0.1:8080", RequestHeaders: map[string]string{"Content-Type": "application/json", "Webhook-Id": d.ID},
				ResponseHeaders: map[string]string{"Content-Length": "2", "Date": "Mon"}, ResponseBody: []byte("ok"),
			},
		}
	}
	return pubs, items
}
