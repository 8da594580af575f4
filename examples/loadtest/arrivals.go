package main

import (
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// arrivals says when each event was published and when it arrived where. An
// event is known by its number, which is in its data; a place is an endpoint's
// position among those of its tenant.
type arrivals struct {
	fanout int
	want   int64
	start  time.Time
	// published holds, for each event, the nanoseconds from start to the call
	// of Publish. Its publisher writes it; it is read when all have ended.
	published []int64
	// arrived holds the nanoseconds from start to the first arrival, by event
	// and place; 0 is not yet.
	arrived []atomic.Int64

	// byProcess is count for each of the processes that deliver.
	byProcess               []atomic.Int64
	count, duplicates, last atomic.Int64
	all                     chan struct{} // closed when all that is wanted has arrived
}

func newArrivals(c config, want int64) *arrivals {
	return &arrivals{
		fanout:    c.fanout,
		want:      want,
		start:     time.Now(),
		published: make([]int64, c.events),
		arrived:   make([]atomic.Int64, c.events*c.fanout),
		byProcess: make([]atomic.Int64, c.processes),
		all:       make(chan struct{}),
	}
}

func (a *arrivals) publishing(event int) { a.published[event] = int64(time.Since(a.start)) }

// publishedAt is publishing for an event of another process, at a time of clock.
func (a *arrivals) publishedAt(event int, at int64) { a.published[event] = at - a.start.UnixNano() }

// arrive records an arrival, sent by a process. It reports false for an event that
// was never published, or for a process that there is not.
func (a *arrivals) arrive(event, place, process int) bool {
	i := event*a.fanout + place
	if event < 0 || event >= len(a.published) || place >= a.fanout || process < 0 || process >= len(a.byProcess) {
		return false
	}
	at := int64(time.Since(a.start))
	if !a.arrived[i].CompareAndSwap(0, at) {
		a.duplicates.Add(1)
		return true
	}
	for last := a.last.Load(); at > last && !a.last.CompareAndSwap(last, at); {
		last = a.last.Load()
	}
	a.byProcess[process].Add(1)
	if a.count.Add(1) == a.want {
		close(a.all)
	}
	return true
}

// latencies returns how long events took from the call of Publish to their
// arrival, in microseconds.
func (a *arrivals) latencies() *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, time.Hour.Microseconds(), 3)
	for i := range a.arrived {
		if at := a.arrived[i].Load(); at > 0 {
			took := time.Duration(at - a.published[i/a.fanout])
			_ = h.RecordValue(max(took.Microseconds(), 1)) // an hour is more than any run takes
		}
	}
	return h
}
