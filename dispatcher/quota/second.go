package quota

import (
	"context"
	"math"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// slotShare is which part of a second's events is taken at once.
	slotShare = 20
	// slotsFor is after how long those that are not used lapse.
	slotsFor = time.Second
	// minRefused is how long a tenant that is too fast is refused without asking
	// again. It loses nothing: what it may publish adds up meanwhile.
	minRefused = 10 * time.Millisecond
	// maxInterval is the time between two events at the slowest rate.
	maxInterval = 24 * time.Hour
)

// second is what is taken of a second's events and not used.
type second struct {
	left  int
	until time.Time // when it lapses
	// refused is until when there are no more, at a rate.
	refused time.Time
	rate    float64
}

// takeSecond takes one of a second's events and returns when it lapses.
func (t *tenant) takeSecond(ctx context.Context, rate float64, from Source) (time.Time, error) {
	for {
		until, err := t.spendSecond(rate)
		if err != nil || !until.IsZero() {
			return until, err
		}
		if from.Undone {
			return t.askSecond(ctx, from, rate, 1)
		}
		err = t.reserve(ctx, func() error {
			var err error
			if until, err = t.spendSecond(rate); err != nil || !until.IsZero() {
				return err
			}
			until, err = t.askSecond(ctx, from, rate, max(int(rate/slotShare), 1))
			return err
		})
		if err != nil || !until.IsZero() {
			return until, err
		}
	}
}

// askSecond takes up to want of a second's events from the store, one of which is the
// caller's.
func (t *tenant) askSecond(ctx context.Context, from Source, rate float64, want int) (time.Time, error) {
	interval := time.Duration(math.Ceil(min(float64(time.Second)/rate, float64(maxInterval))))
	now := clock.Now()
	grants, err := from.ReserveRates(ctx, now, []store.RateRequest{{
		Tenant: t.name, Name: webhook.LimitEventsPerSecond,
		// A second's worth may come at once after a second without any.
		Interval: interval, Slack: max(time.Second-interval, 0), Want: want,
	}})
	if err != nil {
		return time.Time{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.second
	if grants[0].N == 0 {
		s.rate, s.refused = rate, grants[0].First
		if soon := now.Add(minRefused); s.refused.Before(soon) {
			s.refused = soon
		}
		return time.Time{}, s.over()
	}
	s.left, s.until = grants[0].N-1, now.Add(slotsFor)
	return s.until, nil
}

func (s *second) over() error {
	return &webhook.QuotaError{Limit: webhook.LimitEventsPerSecond, RetryAt: s.refused}
}

// spendSecond takes one of those in memory and returns when it lapses, or the zero
// time if there is none. It is a *webhook.QuotaError if the store had none a moment
// ago.
func (t *tenant) spendSecond(rate float64) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := clock.Now()
	s := &t.second
	switch {
	case s.left > 0 && now.Before(s.until):
		s.left--
		return s.until, nil
	case now.Before(s.refused) && s.rate == rate:
		return time.Time{}, s.over()
	}
	return time.Time{}, nil
}

// returnSecond gives one back, unless it has lapsed.
func (t *tenant) returnSecond(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.second.until.Equal(until) && clock.Now().Before(until) {
		t.second.left++
	}
}
