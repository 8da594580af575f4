package lane_test

import (
	"testing"

	"github.com/postrider/postrider/dispatcher/lane"
)

const (
	high = 0
	low  = 2
)

// reserved takes places of a rank until there is none.
func reserved(l *lane.Lane, rank int) (n int) {
	for l.Room(t0, rank) {
		l.Reserve(t0, rank)
		n++
	}
	return n
}

func TestLowLeavesRoomForTheOthers(t *testing.T) {
	l := loaded(t)
	few := reserved(l, low)
	most := few + reserved(l, normal)
	if all := most + reserved(l, high); few > most/2 || all <= most {
		t.Errorf("places for low %d, with normal %d, with high %d; want low at most half, and some for high alone", few, most, all)
	}
	if l.Room(t0, low) {
		t.Error("a lane that is full of others has room for low; want its share taken already")
	}
}

func TestHighIsHandedOverWhileOnlyLowerWorkIsStored(t *testing.T) {
	for _, tc := range []struct {
		stored, published int
		want              bool
	}{
		{low, high, true},
		{low, normal, true},
		{low, low, false},
		{normal, high, true},
		{normal, low, false},
		{high, high, false},
		{high, low, false},
	} {
		l := loaded(t)
		l.Stored(tc.stored)
		if got := l.Reserve(t0, tc.published); got != tc.want {
			t.Errorf("Reserve of rank %d while rank %d is in the store = %v, want %v", tc.published, tc.stored, got, tc.want)
		}
	}
}

// TestLowHasPlacesInAFloodOfHigh fills a lane with hand-overs of high priority.
func TestLowHasPlacesInAFloodOfHigh(t *testing.T) {
	l := loaded(t)
	flood := reserved(l, high)
	if n := reserved(l, low); n*8 < flood/2 || n > flood/4 {
		t.Errorf("a lane with %d high ones has room for %d low ones, want about an eighth", flood, n)
	}
	drop := lane.Ranks{low: l.Queued() - flood}
	for range drop[low] {
		l.Drop(low)
	}
	l.Stored(low)
	if !l.Wants(t0) {
		t.Fatal("Wants with low work in the store and none in memory = false; it would wait for the flood to end")
	}
	asked, shares := l.Ask(t0)
	if asked != 0 || shares[low] == 0 || shares[high] != 0 {
		t.Errorf("Ask in a flood of high = %d and shares %v, want a share for low alone", asked, shares)
	}
	l.Taken(asked, shares, lane.Ranks{low: 1})
	if l.Backlog() || l.Wants(t0) {
		t.Error("after fewer low ones came than were asked for, the lane still looks for them")
	}
}

func TestTakenKnowsWhatIsLeft(t *testing.T) {
	for _, tc := range []struct {
		name        string
		got         lane.Ranks
		full        bool
		handsOver   [3]bool
		stillStored bool
	}{
		{"all came", lane.Ranks{1, 1, 1}, false, [3]bool{true, true, true}, false},
		{"normal fills the turn", lane.Ranks{high: 3}, true, [3]bool{true, false, false}, true},
	} {
		l := loaded(t)
		l.Unsure()
		asked, shares := l.Ask(t0)
		if tc.full {
			tc.got[normal] = asked + shares.Sum() - tc.got[high] - shares[low]
			tc.got[low] = shares[low]
		}
		l.Taken(asked, shares, tc.got)
		if l.Backlog() != tc.stillStored {
			t.Errorf("%s: Backlog = %v, want %v", tc.name, l.Backlog(), tc.stillStored)
		}
		for rank, want := range tc.handsOver {
			for range tc.got.Sum() {
				if l.Queued() > 0 {
					l.Drop(normal)
				}
			}
			if got := l.Room(t0, rank); got != want {
				t.Errorf("%s: Room for rank %d = %v, want %v", tc.name, rank, got, want)
			}
		}
	}
}

// TestLaneSearchesForRanksItHasNotHeardOf begins with what a process finds that has
// just started: parked rows of which it knows nothing.
func TestLaneSearchesForRanksItHasNotHeardOf(t *testing.T) {
	l := loaded(t)
	l.Stored(normal)
	searched := 0
	const rounds = 64
	for range rounds {
		asked, shares := l.Ask(t0)
		if shares[low] > 0 {
			searched++
		}
		l.Taken(asked, shares, lane.Ranks{normal: asked})
		for range asked {
			l.Drop(normal)
		}
	}
	if searched == 0 || searched > rounds/8 {
		t.Errorf("in %d full turns of normal ones, low was looked for %d times; want now and then", rounds, searched)
	}
}
