package sqlite

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

var million = flag.Int("million", 0, "rows of history, and of parked backlog, for TestMillion; 1000000 takes minutes")

// fill writes n events with a delivery each that was delivered, and n that are
// parked behind one dead endpoint, all older than anything a test writes.
func fill(t testing.TB, st *Store, n int) {
	t.Helper()
	const step = 20000
	for from := 1; from <= n; from += step {
		if err := st.writer.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
			for _, text := range fillTexts {
				if _, err := c.Exec(ctx, text, from, min(from+step-1, n)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

const fillSeries = `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) `

// fillTexts write one row in each table for each number from ?1 to ?2. Every
// number is an event of 100 endpoints of "acme", and one of a dead endpoint.
var fillTexts = []string{
	fillSeries + `
	INSERT INTO postrider_events (seq, tenant, id, type, occurred_at, published_at)
	SELECT i, 'acme', printf('evt_01%024d', i), 'invoice.paid', i, i FROM n`,
	fillSeries + `
	INSERT INTO postrider_payloads (seq, data)
	SELECT i, randomblob(1024) FROM n`,
	fillSeries + `
	INSERT INTO postrider_deliveries (tenant, id, event, endpoint, status, attempts, claims, created_at, updated_at)
	SELECT 'acme', printf('dlv_01%024d', i), printf('evt_01%024d', i), printf('ep_01%024d', i % 100), 'delivered', 1, 1, i, i FROM n`,
	fillSeries + `
	INSERT INTO postrider_attempts (tenant, delivery, n, id, at, status_code, truncated, dns, connect, tls, first_byte, total, response_headers)
	SELECT 'acme', printf('dlv_01%024d', i), 1, printf('att_01%024d', i), i, 200, 0, 0, 0, 0, 100, 200, '{"content-length":"2"}' FROM n`,
	fillSeries + `
	INSERT INTO postrider_deliveries (tenant, id, event, endpoint, status, attempts, claims, next_at, created_at, updated_at)
	SELECT 'acme', printf('dlv_02%024d', i), printf('evt_01%024d', i), 'ep_dead', 'pending', 1, 1, i, i, i FROM n`,
	fillSeries + `
	INSERT INTO postrider_queue (owner, delivery, claims, parked, due, seq, tenant, endpoint, event, attempts, base, crashes, started)
	SELECT 0, printf('dlv_02%024d', i), 1, 1, i, i, 'acme', 'ep_dead', printf('evt_01%024d', i), 1, 0, 0, 0 FROM n`,
}

// TestMillion times what must not depend on the size of history and backlog.
func TestMillion(t *testing.T) {
	if *million == 0 {
		t.Skip("-million is not set")
	}
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	fill(t, st, *million)
	runEverything(t, st)
	ctx, now := t.Context(), time.Now()
	epoch, err := st.Acquire(ctx, now, store.Process{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dead := store.Lane{Tenant: "acme", Endpoint: "ep_dead"}
	list := func(f store.DeliveryFilter) func() error {
		return func() error { _, err := st.ListDeliveries(ctx, "acme", f, store.Page{}); return err }
	}
	for _, step := range []struct {
		name string
		most time.Duration
		run  func() error
	}{
		{"Poll, nothing due", 500 * time.Microsecond, func() error {
			_, _, err := st.Poll(ctx, now.Add(-time.Hour), epoch, 500, nil)
			return err
		}},
		{"Take, no lane due", 500 * time.Microsecond, func() error {
			_, err := st.Take(ctx, now.Add(-time.Hour), epoch, 64, nil, nil)
			return err
		}},
		{"Take 8 of the backlog", 20 * time.Millisecond, func() error {
			claimed, err := st.Take(ctx, now, epoch, 64, []store.Lane{dead}, func(store.Lane) store.Turn { return store.Turn{Max: 8} })
			if err == nil && len(claimed) < 8 {
				err = fmt.Errorf("%d claimed", len(claimed))
			}
			return err
		}},
		{"Held", 5 * time.Millisecond, func() error { _, err := st.Held(ctx, epoch, "", 1000); return err }},
		{"Reap, nobody is dead", 5 * time.Millisecond, func() error {
			_, err := st.Reap(ctx, now, epoch, time.Minute, 1000)
			return err
		}},
		{"list all", 10 * time.Millisecond, list(store.DeliveryFilter{})},
		{"list an endpoint", 10 * time.Millisecond, list(store.DeliveryFilter{Endpoint: "ep_01000000000000000000000042"})},
		{"list an event", 10 * time.Millisecond, list(store.DeliveryFilter{Event: "evt_01000000000000000000000042"})},
		{"list failed", 10 * time.Millisecond, list(store.DeliveryFilter{Status: webhook.DeliveryFailed})},
		{"list delivered", 10 * time.Millisecond, list(store.DeliveryFilter{Status: webhook.DeliveryDelivered, Endpoint: "ep_01000000000000000000000042"})},
		{"list a time", 10 * time.Millisecond, list(store.DeliveryFilter{From: now.Add(-time.Minute), To: now})},
		{"list events", 10 * time.Millisecond, func() error { _, err := st.ListEvents(ctx, "acme", store.Page{}); return err }},
		{"list pending", 10 * time.Millisecond, list(store.DeliveryFilter{Status: webhook.DeliveryPending})},
		{"Prune 100", 2 * time.Second, func() error {
			_, err := st.Prune(ctx, time.UnixMicro(int64(*million)/2), store.Retention{}, 100)
			return err
		}},
	} {
		var best time.Duration
		for range 5 {
			start := time.Now()
			if err := step.run(); err != nil {
				t.Fatalf("%s = %v", step.name, err)
			}
			if took := time.Since(start); best == 0 || took < best {
				best = took
			}
		}
		t.Logf("%-24s %v", step.name, best)
		if best > step.most {
			t.Errorf("%s with %d rows of history and backlog took %v; want at most %v", step.name, *million, best, step.most)
		}
	}
}

// TestMillionSearched times what people look for in the log of one endpoint: one that
// was sent a hundredth of a long history, one that has all of a long backlog, and one that
// was sent nothing. 20 ms is what the management API promises of 99 in 100.
func TestMillionSearched(t *testing.T) {
	if *million == 0 {
		t.Skip("-million is not set")
	}
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	fill(t, st, *million)
	for _, endpoint := range []string{"ep_01000000000000000000000042", "ep_dead", "ep_none", ""} {
		for _, status := range []webhook.DeliveryStatus{"", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
			for name, f := range map[string]store.DeliveryFilter{
				"all": {}, "of a type": {EventType: "invoice.paid"}, "of no type": {EventType: "user.left"}, "of a beginning": {TypePrefix: "inv"},
				"of an event": {Event: "evt_01000000000000000000000042"}, "of a time": {From: time.UnixMicro(int64(*million / 2)), To: time.Now()},
			} {
				f.Endpoint, f.Status = endpoint, status
				wantSoon(t, fmt.Sprintf("%s %q deliveries %s", endpoint, status, name), func(after string) (string, error) {
					found, err := st.FindDeliveries(t.Context(), "acme", f, store.Page{Limit: 100, After: after})
					return found.Next, err
				})
			}
		}
	}
	for name, f := range map[string]store.EventFilter{
		"all": {}, "of a type": {Type: "invoice.paid"}, "of no type": {Type: "user.left"}, "of a source": {Source: "shop"}, "of a subject": {Subject: "jane"},
	} {
		wantSoon(t, "events "+name, func(after string) (string, error) {
			found, err := st.FindEvents(t.Context(), "acme", f, store.Page{Limit: 100, After: after})
			return found.Next, err
		})
	}
}

// wantSoon follows a list for a hundred pages, and wants all but one within 20 ms.
func wantSoon(t *testing.T, name string, page func(after string) (next string, err error)) {
	t.Helper()
	var took []time.Duration
	for after := ""; len(took) < 100; {
		began := time.Now()
		next, err := page(after)
		took = append(took, time.Since(began))
		if err != nil {
			t.Fatalf("%s = %v", name, err)
		}
		after = next // which is the first page again after the last
	}
	slices.Sort(took)
	t.Logf("%-60s p50 %8v p99 %8v max %8v", name, took[50].Round(time.Microsecond), took[98].Round(time.Microsecond), took[99].Round(time.Microsecond))
	if took[98] > 20*time.Millisecond {
		t.Errorf("%s: the second slowest of a hundred pages took %v; want at most 20 ms", name, took[98])
	}
}
