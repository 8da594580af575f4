package entropy_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/postrider/postrider/dispatcher/entropy"
)

func source(t *testing.T, seed byte) *entropy.Source {
	t.Helper()
	s, err := entropy.New(io.LimitReader(bytes.NewReader(bytes.Repeat([]byte{seed}, 1<<12)), 1<<12))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The jitter of a retry is its own, whatever else asks in between, and spreads evenly.
func TestJitterOf(t *testing.T) {
	t.Parallel()
	s, again, other := source(t, 1), source(t, 1), source(t, 2)
	const ids, attempts, parts = 2000, 5, 10
	var hits [parts]int
	for i := range ids {
		id := fmt.Sprintf("dlv_01JZ0000000000000000%06d", i)
		for n := range attempts {
			got := s.JitterOf(id, n)
			if got < 0 || got >= 1 {
				t.Fatalf("JitterOf(%s, %d) = %v; want [0, 1)", id, n, got)
			}
			hits[int(got*parts)]++
			again.Jitter()
			if same := again.JitterOf(id, n); same != got {
				t.Fatalf("JitterOf(%s, %d) = %v, and %v from the same bytes", id, n, got, same)
			}
			if differs := other.JitterOf(id, n); differs == got {
				t.Errorf("JitterOf(%s, %d) = %v from other bytes, too", id, n, got)
			}
		}
	}
	// Of 1,000 a part, five standard deviations are 150.
	for i, n := range hits {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10,000 are in part %d of 10; want about 1,000", n, i)
		}
	}
}
