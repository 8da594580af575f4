package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkPublishSettle publishes events of 1 KiB, each handed over to one
// endpoint, and settles them as delivered, in batches. One operation is one
// event.
func BenchmarkPublishSettle(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			st, ctx := memstore.New(), b.Context()
			epoch, err := st.Acquire(ctx, time.Now(), store.Process{}, time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			payload := fmt.Appendf(nil, "%01024d", 1)
			pubs, items := make([]store.Publication, size), make([]store.Settled, size)
			b.ReportAllocs()
			for done := 0; done < b.N; done += size {
				now := time.Now()
				for i := range size {
					d := webhook.NewID(webhook.PrefixDelivery)
					pubs[i] = store.Publication{
						Event: webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Tenant: "acme", Type: "invoice.paid", Data: payload, Timestamp: now},
						Epoch: epoch, Deliveries: []store.NewDelivery{{ID: d, Endpoint: "ep_1", HandOver: true}},
					}
					items[i] = store.Settled{
						Tenant: "acme", Delivery: d, Endpoint: "ep_1", EventType: "invoice.paid", Claim: 1, Status: webhook.DeliveryDelivered,
						Attempt: &webhook.Attempt{ID: d, Tenant: "acme", DeliveryID: d, N: 1, At: now, StatusCode: 200, Timings: webhook.Timings{Total: 20 * time.Millisecond}},
					}
				}
				if _, err := st.Publish(ctx, now, pubs); err != nil {
					b.Fatal(err)
				}
				if got, err := st.Settle(ctx, now, store.Settlement{Epoch: epoch, Items: items}); err != nil || len(got.Lost) > 0 {
					b.Fatal(got, err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkPollBehindABacklog polls while an endpoint has many parked rows and
// others wait for later. Neither may cost anything.
func BenchmarkPollBehindABacklog(b *testing.B) {
	st, ctx, now := memstore.New(), b.Context(), time.Now()
	for i := range 200_000 {
		pub := store.Publication{
			Event:      webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Data: []byte("1")},
			Deliveries: []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: "ep_1"}},
		}
		if i%2 == 0 {
			pub.Deliveries[0].Due = now.Add(time.Hour)
		}
		if _, err := st.Publish(ctx, now, []store.Publication{pub}); err != nil {
			b.Fatal(err)
		}
	}
	poll := func() {
		if _, _, err := st.Poll(ctx, now, 1, 200_000, func(store.Waiting) store.Admission { return store.Admission{} }); err != nil {
			b.Fatal(err)
		}
	}
	poll()
	b.ReportAllocs()
	for b.Loop() {
		poll()
	}
}
