package webhook

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

const (
	histogramFactor  = 1.04
	histogramBuckets = 283 // 1 ms × 1.04^281 is the first bound over 60 s
)

var histogramBounds = func() (bounds [histogramBuckets]time.Duration) {
	for i := range bounds {
		bounds[i] = time.Duration(float64(time.Millisecond) * math.Pow(histogramFactor, float64(i)))
	}
	return bounds
}()

// Histogram is a distribution of durations in fixed buckets from 1 ms to 60 s,
// each 4 % wider than the one before, so that a quantile is exact to 2 % and
// histograms of different processes can be added. The zero value is empty.
type Histogram struct {
	counts []uint64 // nil, or histogramBuckets long
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	if h.counts == nil {
		h.counts = make([]uint64, histogramBuckets)
	}
	h.counts[bucketOf(d)]++
}

// bucketOf returns the first bucket whose upper bound is not below d.
func bucketOf(d time.Duration) int {
	if d <= time.Millisecond {
		return 0
	}
	i := int(math.Ceil(math.Log(float64(d)/float64(time.Millisecond)) / math.Log(histogramFactor)))
	return min(i, histogramBuckets-1)
}

// Merge adds another histogram's counts.
func (h *Histogram) Merge(other Histogram) {
	if other.counts == nil {
		return
	}
	if h.counts == nil {
		h.counts = make([]uint64, histogramBuckets)
	}
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// Quantile returns the duration that the share q of all counted durations does
// not exceed, to within 2 %, or 0 if nothing was counted. q is 0 to 1.
func (h Histogram) Quantile(q float64) time.Duration {
	var total uint64
	for _, n := range h.counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(total))), 1)
	for i, n := range h.counts {
		if rank <= n {
			return bucketMiddle(i)
		}
		rank -= n
	}
	return histogramBounds[histogramBuckets-1]
}

func bucketMiddle(i int) time.Duration {
	if i == 0 {
		return histogramBounds[0]
	}
	return time.Duration(math.Sqrt(float64(histogramBounds[i-1]) * float64(histogramBounds[i])))
}

// AppendBinary appends the histogram in the form that UnmarshalBinary reads:
// pairs of varints, the distance to the next bucket in use and its count.
func (h Histogram) AppendBinary(b []byte) ([]byte, error) {
	last := 0
	for i, n := range h.counts {
		if n > 0 {
			b = binary.AppendUvarint(b, uint64(i-last))
			b = binary.AppendUvarint(b, n)
			last = i
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the histogram by what AppendBinary wrote.
func (h *Histogram) UnmarshalBinary(b []byte) error {
	h.counts = nil
	bucket := uint64(0)
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return errHistogram
		}
		count, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return errHistogram
		}
		b = b[n+m:]
		if bucket += step; step >= histogramBuckets || bucket >= histogramBuckets {
			return errHistogram
		}
		if h.counts == nil {
			h.counts = make([]uint64, histogramBuckets)
		}
		h.counts[bucket] += count
	}
	return nil
}

var errHistogram = errors.New("malformed histogram")
