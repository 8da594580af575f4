package sqlite_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkPublishSettle publishes events of 1 KiB, each handed over to one
// of 100 endpoints, and settles them as delivered, in batches. One operation is
// one delivery. With -million=1000000 there is history and backlog before it.
func BenchmarkPublishSettle(b *testing.B) {
	for _, size := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			st := openFile(b, filepath.Join(b.TempDir(), "webhooks.db"))
			sqlite.Fill(b, st)
			load := newLoad(b, st)
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuTime()
			for done := 0; done < b.N; done += size {
				load.publishSettle(b, min(size, b.N-done))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/delivery")
		})
	}
}

// load is a publisher and a delivering process.
type load struct {
	st        *sqlite.Store
	epoch     int64
	revision  int64
	endpoints []string
	next      int // whose turn it is
	payload   []byte
}

func newLoad(b testing.TB, st *sqlite.Store) *load {
	b.Helper()
	epoch, err := st.Acquire(b.Context(), time.Now(), store.Process{}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	l := &load{st: st, epoch: epoch, payload: fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 1022))}
	for range 100 {
		ep := store.EndpointRecord{Endpoint: webhook.Endpoint{
			ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: "acme", URL: "https://acme.example/hooks",
		}.WithDefaults()}
		ep, err = st.CreateEndpoint(b.Context(), time.Now(), ep, store.SecretRecord{
			ID: webhook.NewID(webhook.PrefixSecret), Tenant: "acme", Endpoint: ep.ID, Sealed: []byte("sealed"),
		}, store.Creation{})
		if err != nil {
			b.Fatal(err)
		}
		l.endpoints, l.revision = append(l.endpoints, ep.ID), ep.Revision
	}
	return l
}

func (l *load) publication(now time.Time) store.Publication {
	l.next++
	return store.Publication{
		Event: webhook.Event{
			ID: webhook.NewID(webhook.PrefixEvent), Tenant: "acme", Type: "invoice.paid", Data: l.payload, Timestamp: now,
		},
		Revision: l.revision, Epoch: l.epoch,
		Deliveries: []store.NewDelivery{{
			ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: l.endpoints[l.next%len(l.endpoints)], HandOver: true,
		}},
	}
}

func delivered(now time.Time, p *store.Publication) store.Settled {
	d := &p.Deliveries[0]
	return store.Settled{
		Tenant: "acme", Delivery: d.ID, Endpoint: d.Endpoint, EventType: "invoice.paid", Claim: 1,
		Status: webhook.DeliveryDelivered,
		Attempt: &webhook.Attempt{
			ID: webhook.NewID(webhook.PrefixAttempt), Tenant: "acme", DeliveryID: d.ID, N: 1, At: now,
			StatusCode: 200, RemoteAddr: "203.0.113.7:443",
			RequestHeaders:  map[string]string{"content-type": "application/json", "user-agent": "Postrider/1"},
			ResponseHeaders: map[string]string{"content-length": "2", "date": "Mon, 02 Mar 2026 09:30:00 GMT"},
			ResponseBody:    []byte("ok"),
			Timings:         webhook.Timings{FirstByte: 3 * time.Millisecond, Total: 4 * time.Millisecond},
		},
	}
}

func (l *load) publishSettle(b testing.TB, n int) {
	now := time.Now()
	pubs := make([]store.Publication, n)
	for i := range pubs {
		pubs[i] = l.publication(now)
	}
	results, err := l.st.Publish(b.Context(), now, pubs)
	if err != nil || results[0].Outcome != store.PublishStored {
		b.Fatal(err, results)
	}
	items := make([]store.Settled, n)
	for i := range items {
		items[i] = delivered(now, &pubs[i])
	}
	result, err := l.st.Settle(b.Context(), now, store.Settlement{Epoch: l.epoch, Items: items})
	if err != nil || len(result.Lost) > 0 {
		b.Fatal(err, len(result.Lost))
	}
}

// BenchmarkPublishTogether publishes single events from 64 callers at once, who
// share commits.
func BenchmarkPublishTogether(b *testing.B) {
	st := openFile(b, filepath.Join(b.TempDir(), "webhooks.db"))
	l := newLoad(b, st)
	var mu sync.Mutex
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			p := l.publication(time.Now())
			mu.Unlock()
			if _, err := st.Publish(b.Context(), time.Now(), []store.Publication{p}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
