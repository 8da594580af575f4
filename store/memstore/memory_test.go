package memstore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestPruneLeavesNothing fills every part of a store and prunes it all: what is
// left then would be left for ever.
func TestPruneLeavesNothing(t *testing.T) {
	s, ctx, now := New(), t.Context(), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	epoch, err := s.Acquire(ctx, now, store.Process{}, time.Hour)
	must(err)
	for i := range 50 {
		ep := store.EndpointRecord{Endpoint: webhook.Endpoint{ID: fmt.Sprintf("ep_%02d", i), Tenant: fmt.Sprint(i % 3)}}
		ep, err := s.CreateEndpoint(ctx, now, ep, store.SecretRecord{}, store.Creation{})
		must(err)
		for j := range 4 {
			_, err = s.Publish(ctx, now, []store.Publication{{
				Event:    webhook.Event{ID: fmt.Sprint("evt_", i, j), Tenant: ep.Tenant, Type: "a", Data: []byte("1"), IdempotencyKey: fmt.Sprint(i, j)},
				Revision: ep.Revision, Epoch: epoch, KeyExpires: now,
				Deliveries: []store.NewDelivery{{ID: fmt.Sprint("dlv_", i, j), Endpoint: ep.ID, HandOver: j == 0, Ordered: j > 1, Key: "k"}},
			}})
			must(err)
		}
		_, _, err = s.Poll(ctx, now, epoch, 3, func(w store.Waiting) store.Admission {
			return store.Admission{Lease: i%2 == 0, Gate: store.Gate{Next: now}}
		})
		must(err)
		_, err = s.Take(ctx, now, epoch, 3, []store.Lane{{Tenant: ep.Tenant, Endpoint: ep.ID}}, func(store.Lane) store.Turn { return store.Turn{Max: 1} })
		must(err)
		must(s.DeleteEndpoint(ctx, now, ep.Tenant, ep.ID))
	}
	for _, r := range s.rowsOf(epoch) {
		c := r.claimed()
		_, err := s.Settle(ctx, now, store.Settlement{Epoch: epoch, Items: []store.Settled{{
			Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "a", Claim: c.Claim,
			Attempt: &webhook.Attempt{At: now}, Status: webhook.DeliveryPending, Due: now.Add(time.Duration(r.seq) * time.Minute), Health: store.HealthFailure,
			Block: true,
		}}})
		must(err)
	}
	must(s.Resign(ctx, now, epoch))
	for range 100 {
		p, err := s.Prune(ctx, now.Add(time.Second), store.Retention{}, 7)
		must(err)
		if !p.More {
			break
		}
	}
	for what, n := range map[string]int{
		"events": len(s.events), "deliveries": len(s.deliveries), "endpoints": len(s.endpoints), "lanes": len(s.lanes),
		"owners": len(s.owners), "leases": len(s.leases), "waiting rows": s.waiting.len(), "due lanes": s.dueOf(0).len(),
		"owners of due lanes": len(s.due) - 1, "blocked keys": len(s.blocks),
		"keys": s.keys.len(), "minutes": s.minutes.len(), "series": len(s.series), "live changes": s.changes.live,
		"events to prune": len(s.kept.items) - s.kept.head, "payloads to prune": len(s.published.items) - s.published.head,
		"tombstones": len(s.deleted.items) - s.deleted.head,
	} {
		if n != 0 {
			t.Errorf("after Prune of everything: %d %s; want 0: memory would grow for ever", n, what)
		}
	}
	if n := len(s.changes.entries); n > 16 {
		t.Errorf("after Prune of everything: %d dead changes; want at most 16", n)
	}
	for name, tn := range s.tenants {
		if n := tn.events.len() + tn.deliveries.len() + tn.endpoints.len() + len(tn.byEndpoint) + len(tn.keys); n != 0 {
			t.Errorf("after Prune of everything: tenant %s has %d things; want only its revision", name, n)
		}
	}
}

type number struct{ n, at int }

func (v *number) place() *int { return &v.at }

func (v *number) id() string { return fmt.Sprintf("%06d", v.n) }

func TestHeapKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := newHeap(func(a, b *number) int { return a.n - b.n })
	var all []*number
	for range 10_000 {
		switch {
		case len(all) == 0 || r.IntN(3) > 0:
			v := &number{n: r.IntN(1000)}
			h.push(v)
			all = append(all, v)
		case r.IntN(2) == 0:
			i := r.IntN(len(all))
			h.remove(all[i])
			all = slices.Delete(all, i, i+1)
		default:
			v := h.pop()
			all = slices.DeleteFunc(all, func(x *number) bool { return x == v })
		}
		if len(all) == 0 {
			continue
		}
		if least := slices.MinFunc(all, func(a, b *number) int { return a.n - b.n }); h.len() != len(all) || h.first().n != least.n {
			t.Fatalf("heap: first of %d = %d; want %d of %d", h.len(), h.first().n, least.n, len(all))
		}
	}
}

func TestOrderedKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var o ordered[*number]
	present := map[int]bool{}
	for range 10_000 {
		v := &number{n: r.IntN(300)}
		if present[v.n] {
			o.remove(v.id())
		} else {
			o.add(v)
		}
		present[v.n] = !present[v.n]
		if !slices.IsSortedFunc(o.items, func(a, b *number) int { return a.n - b.n }) {
			t.Fatalf("ordered is not in order")
		}
	}
	want := 0
	for _, there := range present {
		if there {
			want++
		}
	}
	if o.len() != want {
		t.Errorf("ordered has %d entries; want %d", o.len(), want)
	}
}

func TestFifoKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var q fifo[int]
	var want []int
	for i := range 10_000 {
		switch k := min(r.IntN(4), len(want)); r.IntN(3) {
		case 0, 1:
			q.push(i)
			want = append(want, i)
		default: // take some, put back some
			var got []int
			for range k {
				got = append(got, q.pop())
			}
			if !slices.Equal(got, want[:k]) {
				t.Fatalf("fifo: pop = %v; want %v", got, want[:k])
			}
			back := r.IntN(k + 1)
			q.unpop(got[:back])
			want = append(slices.Clone(got[:back]), want[k:]...)
		}
	}
}
