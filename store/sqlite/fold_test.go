package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// TestStatisticsFold lets statistics grow old.
func TestStatisticsFold(t *testing.T) {
	l := newLoad(t, openFile(t, filepath.Join(t.TempDir(), "webhooks.db")))
	start := time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)
	for _, at := range []time.Duration{0, 10 * time.Minute, 10 * time.Minute, 40 * time.Minute, 26 * time.Hour} {
		p := l.publication(start)
		if _, err := l.st.Publish(t.Context(), start, []store.Publication{p}); err != nil {
			t.Fatal(err)
		}
		item := delivered(start.Add(at), &p)
		if _, err := l.st.Settle(t.Context(), start, store.Settlement{Epoch: l.epoch, Items: []store.Settled{item}}); err != nil {
			t.Fatal(err)
		}
	}
	keep := 400 * 24 * time.Hour
	for _, c := range []struct {
		age  time.Duration
		want map[string]int64
	}{
		{time.Hour, map[string]int64{"2026-03-02T09:30": 1, "2026-03-02T09:40": 2, "2026-03-02T10:10": 1, "2026-03-03T11:30": 1}},
		{4 * 24 * time.Hour, map[string]int64{"2026-03-02T09:00": 3, "2026-03-02T10:00": 1, "2026-03-03T11:00": 1}},
		{39 * 24 * time.Hour, map[string]int64{"2026-03-02T00:00": 4, "2026-03-03T00:00": 1}},
		{402 * 24 * time.Hour, map[string]int64{}},
	} {
		for range 2 { // the second time there is nothing to do
			if _, err := l.st.Prune(t.Context(), start.Add(c.age), store.Retention{Payloads: keep, Deliveries: keep, Statistics: keep, Tombstones: keep}, 100); err != nil {
				t.Fatal(err)
			}
		}
		stats, err := l.st.Stats(t.Context(), "acme", store.StatScope{}, start.Add(-24*time.Hour), start.Add(48*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, s := range stats {
			got[s.Start.Format("2006-01-02T15:04")] = s.Counts.Attempts
			if s.Counts.Latency.Quantile(0.5) == 0 || s.Counts.Delivered != s.Counts.Attempts {
				t.Errorf("Stats after %v: %+v; want all delivered, with their latency", c.age, s)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("Stats after %v = %v; want %v", c.age, got, c.want)
		}
		for start, n := range c.want {
			if got[start] != n {
				t.Errorf("Stats after %v: %d attempts from %s; want %d: sums must not change", c.age, got[start], start, n)
			}
		}
	}
}
