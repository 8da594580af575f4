package postgres_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
)

// limit is a call and the time that it may take.
type limit struct {
	step
	most time.Duration
}

// wantTimes checks how long calls take, if there is a backlog that may make them
// slow.
func (b *backlog) wantTimes(t *testing.T, limits []limit) {
	t.Helper()
	if *million == 0 {
		return
	}
	p := b.d.open(t, nil)
	for _, l := range limits {
		best := elapsed(t, l.step, p)
		t.Logf("%-24s %v", l.name, best)
		if best > l.most {
			t.Errorf("%s with %d rows of history and backlog took %v; want at most %v", l.name, *million, best, l.most)
		}
	}
}

// idle are calls of a process while nothing is due.
func idle(t *testing.T) []limit {
	ctx := t.Context()
	return []limit{
		{step{"Poll, nothing due", 0, func(p *process) error {
			claimed, _, err := p.Poll(ctx, time.Now(), 1, 500, nil)
			return cmp.Or(err, wantLen(claimed, 0))
		}}, 2 * time.Millisecond},
		{step{"Take, no lane due", 0, func(p *process) error {
			claimed, err := p.Take(ctx, time.Now(), 1, 64, nil, nil)
			return cmp.Or(err, wantLen(claimed, 0))
		}}, 2 * time.Millisecond},
	}
}

// busy are calls of a process while there is more to do than it can.
func busy(t *testing.T, b *backlog, epoch int64) []limit {
	ctx := t.Context()
	w := newTenant(t, b.d.open(t, nil))
	eight := func(store.Lane) store.Turn { return store.Turn{Max: 8, Gate: store.Gate{Next: time.Now()}} }
	return []limit{
		{step{"Poll, 500 due", 0, func(p *process) error {
			claimed, _, err := p.Poll(ctx, time.Now(), epoch, 500, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
			return cmp.Or(err, wantLen(claimed, 500))
		}}, 60 * time.Millisecond},
		{step{"Take, 64 lanes, 8 of each", 0, func(p *process) error {
			claimed, err := p.Take(ctx, time.Now(), epoch, 64, nil, eight)
			return cmp.Or(err, wantLen(claimed, 512))
		}}, 60 * time.Millisecond},
		{step{"Take, 8 of the backlog", 0, func(p *process) error {
			claimed, err := p.Take(ctx, time.Now(), epoch, 0, []store.Lane{deadLane}, eight)
			return cmp.Or(err, wantLen(claimed, 8))
		}}, 10 * time.Millisecond},
		{step{"Publish 1", 0, func(p *process) error {
			return wantAll(store.PublishStored)(p.Publish(ctx, time.Now(), []store.Publication{w.publication()}))
		}}, 20 * time.Millisecond},
		{step{"Held", 0, func(p *process) error {
			held, err := p.Held(ctx, epoch, "", 1000)
			return cmp.Or(err, wantLen(held, 1000))
		}}, 20 * time.Millisecond},
		{step{"Reap, nobody is dead", 0, func(p *process) error {
			_, err := p.Reap(ctx, time.Now(), epoch, 0, 1000)
			return err
		}}, 20 * time.Millisecond},
	}
}
