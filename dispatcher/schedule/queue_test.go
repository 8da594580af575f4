package schedule

import (
	"slices"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func prioritized(p webhook.Priority) *Job { return &Job{Claimed: store.Claimed{Priority: p}} }

func admitAll(*Job) bool { return true }

// TestQueueSharesStarts keeps the queue full of everything that is given, and counts
// what is started.
func TestQueueSharesStarts(t *testing.T) {
	const high, normal, low = webhook.PriorityHigh, webhook.PriorityNormal, webhook.PriorityLow
	for _, tc := range []struct {
		name  string
		flood []webhook.Priority
		least map[webhook.Priority]int // of 1000
	}{
		{"high and low", []webhook.Priority{high, low}, map[webhook.Priority]int{high: 800, low: 100}},
		{"high and normal", []webhook.Priority{high, normal}, map[webhook.Priority]int{high: 700, normal: 200}},
		{"all three", []webhook.Priority{high, normal, low}, map[webhook.Priority]int{high: 600, normal: 120, low: 100}},
		{"low alone", []webhook.Priority{low}, map[webhook.Priority]int{low: 1000}},
	} {
		var q jobQueue
		got := map[webhook.Priority]int{}
		for range 1000 {
			for _, p := range tc.flood {
				q.add(prioritized(p))
			}
			got[q.take(admitAll, true, 0).Priority]++
		}
		for p, least := range tc.least {
			if got[p] < least {
				t.Errorf("%s: %d of 1000 starts are of priority %s, want at least %d", tc.name, got[p], p, least)
			}
		}
	}
}

func TestQueueGivesBackLowFirst(t *testing.T) {
	var q jobQueue
	for _, p := range []webhook.Priority{webhook.PriorityLow, webhook.PriorityHigh, "", webhook.PriorityLow} {
		q.add(prioritized(p))
	}
	got := q.last(3)
	if len(got) != 3 || got[0].Priority != webhook.PriorityLow || got[1].Priority != webhook.PriorityLow || got[2].Priority != "" {
		t.Errorf("last(3) = %v, want both low ones and then the normal one", got)
	}
	if q.loose() != 1 || q.take(admitAll, true, 0).Priority != webhook.PriorityHigh {
		t.Error("what is left is not the high one")
	}
}

// TestQueueGivesBackTheLatestOfItsKeys: the first of each key stays, and which others
// go does not depend on the order in which a map is read.
func TestQueueGivesBackTheLatestOfItsKeys(t *testing.T) {
	for range 20 {
		var q keyedQueue
		for seq := range int64(9) {
			q.add(&Job{Claimed: store.Claimed{Seq: seq, Key: string("abc"[seq%3])}})
		}
		var got []int64
		for _, j := range q.last(4) {
			got = append(got, j.Seq)
		}
		if !slices.Equal(got, []int64{5, 6, 7, 8}) || q.queued != 5 {
			t.Fatalf("last(4) of 9 = %v with %d left; want the latest: 5 to 8", got, q.queued)
		}
		if got := q.last(9); len(got) != 2 || q.queued != 3 {
			t.Fatalf("last(9) of what is left = %d with %d left; want all but the first of each key", len(got), q.queued)
		}
	}
}
