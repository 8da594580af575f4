package faults_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock/stalls"
)

// darkFigures are what a run with some dark endpoints measured.
type darkFigures struct {
	dark      int
	rate      float64 // of arrivals at each healthy endpoint, in a second
	p99       time.Duration
	late      int   // healthy ones that had not arrived at the end
	held      int64 // slots that dark ones held for a while, at most, once known
	peak      int64 // and at any time
	claims    time.Duration
	memory    int64
	published int
	slowest   time.Duration // of the calls to Publish
}

func (f darkFigures) String() string {
	return fmt.Sprintf("%d dark: %.2f/s at each healthy one, p99 %v, %d late; dark ones hold %d of %d slots (%d at first); claim p99 %v; publish at most %v; %d MiB",
		f.dark, f.rate, f.p99.Round(100*time.Microsecond), f.late, f.held, darkSlots, f.peak, f.claims, f.slowest.Round(100*time.Microsecond), f.memory>>20)
}

// run publishes so many events a second, to all endpoints in turn, and measures.
// From known on the dark ones are known to be, and what they hold counts. What the
// machine held up counts neither as theirs nor as late.
func (w *darkWorld) run(perSecond int, lasting, known time.Duration) darkFigures {
	w.t.Helper()
	p := start(w.t, w.cfg)
	began := time.Now()
	ctx, cancel := context.WithCancel(w.t.Context())
	var held, peak int64
	var watching sync.WaitGroup
	stalled := stalls.Start()
	defer stalled.Stop()
	watching.Go(func() { held, peak = w.watch(ctx, func() bool { return time.Since(began) > known+stalled.Total() }) })
	f := darkFigures{dark: w.dark}
	f.published = w.publish(p, perSecond, began.Add(lasting))
	end := time.Now()
	w.await(f.published, 10*time.Second)
	cancel()
	watching.Wait()
	f.held, f.peak = held, peak
	f.claims = time.Duration(p.must(order{Do: doClaims}).N) * time.Microsecond
	f.rate, f.p99, f.late = w.healthy(f.published, end.Sub(began), w.judgedUntil(end, max(stalled.Longest(), f.claims)))
	f.memory, f.slowest = p.must(order{Do: doMemory}).N, w.slowest
	p.kill() // what is due at dark endpoints would keep it
	return f
}

// judgedUntil returns until when arrivals count: the end of publishing, and in the short
// version also what the machine or the store's disk held up by then.
func (w *darkWorld) judgedUntil(end time.Time, heldUp time.Duration) time.Time {
	if long {
		return end
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return end.Add(max(heldUp, w.slowest))
}

// publish publishes until a time and returns how many events there were. No call
// waits for another, and what a busy machine delays is made up for.
func (w *darkWorld) publish(p *process, perSecond int, until time.Time) int {
	var calls sync.WaitGroup
	published := 0
	for next := time.Now(); next.Before(until); next = next.Add(time.Second / time.Duration(perSecond)) {
		time.Sleep(time.Until(next))
		n := published
		published++
		calls.Go(func() {
			w.mu.Lock()
			w.called[n] = time.Now()
			w.mu.Unlock()
			i := n % darkEndpoints
			a, ok := p.call(order{Do: doPublish, Tenant: tenantOf(i), Type: typeOf(i), Data: fmt.Appendf(nil, `{"n":%d}`, n)})
			w.mu.Lock()
			w.slowest = max(w.slowest, time.Duration(a.Micros)*time.Microsecond)
			w.mu.Unlock()
			if !ok || a.Result != acknowledged {
				w.t.Errorf("publish = %q, %q; want it acknowledged", a.Result, a.Error)
			}
		})
	}
	calls.Wait()
	return published
}

// await waits until all that healthy endpoints were sent has arrived, for so long
// at most.
func (w *darkWorld) await(published int, most time.Duration) {
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		got := len(w.arrived)
		w.mu.Unlock()
		if got == w.expected(published) {
			return
		}
	}
}

// expected returns how many of the events are for healthy endpoints.
func (w *darkWorld) expected(published int) (n int) {
	for i := range published {
		if i%darkEndpoints >= w.dark {
			n++
		}
	}
	return n
}

// healthy returns the rate of arrivals at each healthy endpoint up to a time, and
// how long they took.
func (w *darkWorld) healthy(published int, in time.Duration, until time.Time) (rate float64, p99 time.Duration, late int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []time.Duration
	inTime := 0
	for n := range published {
		if n%darkEndpoints < w.dark {
			continue
		}
		at, ok := w.arrived[n]
		if !ok {
			late++
			took = append(took, time.Since(w.called[n]))
			continue
		}
		if !at.After(until) {
			inTime++
		}
		took = append(took, at.Sub(w.called[n]))
	}
	slices.Sort(took)
	return float64(inTime) / in.Seconds() / float64(darkEndpoints-w.dark), quantile(took, 0.99), late
}

// watch returns the most slots that dark endpoints held once they were known, for three
// samples of 100 ms at least, since a receiver hears of an end a moment late; and
// the most that they ever held.
func (w *darkWorld) watch(ctx context.Context, known func() bool) (most, peak int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last []int64
	for !errors.Is(ctx.Err(), context.Canceled) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most, peak
		}
		open := w.inHand.Load()
		peak = max(peak, open)
		if !known() {
			continue
		}
		if last = append(last, open); len(last) > 3 {
			last = last[1:]
		}
		if len(last) == 3 {
			most = max(most, slices.Min(last))
		}
	}
	return most, peak
}
