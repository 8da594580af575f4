package jobs

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/postrider/postrider/dispatcher/clock"
)

// Budget bounds what the jobs of a process put into the queue in a second. It is
// safe for concurrent use.
type Budget struct {
	limiter *rate.Limiter
	// most is what a step may take at once: a tenth of a second's worth, so that
	// it spreads over the second.
	most int
}

// maxStep bounds a step, whose transaction others wait for where there is one
// writer.
const maxStep = 100

// NewBudget returns a budget of so many a second.
func NewBudget(perSecond int) *Budget {
	burst := max(int(math.Ceil(float64(perSecond)/10)), 1)
	return &Budget{limiter: rate.NewLimiter(rate.Limit(perSecond), burst), most: min(burst, maxStep)}
}

// take waits until n, at most Budget.most, are free. It returns ctx's error if that
// ends first.
func (b *Budget) take(ctx context.Context, n int) error {
	now := clock.Now()
	r := b.limiter.ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		r.CancelAt(clock.Now())
		return ctx.Err()
	}
}
