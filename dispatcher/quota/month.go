package quota

import (
	"context"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxBlock is the most that is taken of a month's events at once, and
	// blockShare which part of them.
	maxBlock   = 1000
	blockShare = 100
	// refusedFor is how long a tenant whose month is used up is refused without
	// asking again: others may return some, or the plan may change.
	refusedFor = time.Second
)

// month is what is taken of a month's events and not used.
type month struct {
	since time.Time
	left  int64
	// refused is until when there are no more, at a limit.
	refused time.Time
	limit   int64
}

// Month returns when the calendar month of a time began, UTC.
func Month(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// takeMonth takes one of a month's events, and returns when the month began and
// whether a rollback of the source gives it back.
func (t *tenant) takeMonth(ctx context.Context, limit int64, from Source) (since time.Time, undone bool, err error) {
	for {
		since, ok, err := t.spendMonth(limit)
		if err != nil || ok {
			return since, false, err
		}
		if from.Undone {
			// Others who reserve may wait for the very transaction.
			given, err := t.askMonth(ctx, from, since, store.QuotaRequest{Limit: limit, Need: 1})
			if err == nil && given == 0 {
				err = t.refuseMonth(since, limit)
			}
			return since, true, err
		}
		taken := false
		err = t.reserve(ctx, func() error {
			// Whoever reserved before may have left some.
			var err error
			if since, taken, err = t.spendMonth(limit); err != nil || taken {
				return err
			}
			given, err := t.askMonth(ctx, from, since, store.QuotaRequest{
				Limit: limit, Need: 1, Block: max(min(limit/blockShare, maxBlock), 1),
			})
			if err != nil {
				return err
			}
			if given == 0 {
				return t.refuseMonth(since, limit)
			}
			taken = true
			t.addMonth(since, given-1)
			return nil
		})
		if err != nil || taken {
			return since, false, err
		}
	}
}

func (t *tenant) askMonth(ctx context.Context, from Source, since time.Time, req store.QuotaRequest) (int64, error) {
	req.Tenant, req.Name, req.Window = t.name, webhook.LimitEventsPerMonth, since
	return from.ReserveQuota(ctx, clock.Now(), req)
}

// spendMonth takes one of those in memory, and returns the month and whether there
// was one. It is a *webhook.QuotaError if the store had none a moment ago.
func (t *tenant) spendMonth(limit int64) (time.Time, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := clock.Now()
	m := &t.month
	if since := Month(now); !m.since.Equal(since) {
		*m = month{since: since} // what is left of the last one lapses
	}
	switch {
	case m.left > 0:
		m.left--
		return m.since, true, nil
	case now.Before(m.refused) && m.limit == limit:
		return m.since, false, overMonth(m.since)
	}
	return m.since, false, nil
}

func (t *tenant) refuseMonth(since time.Time, limit int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.month.refused, t.month.limit = clock.Now().Add(refusedFor), limit
	return overMonth(since)
}

func overMonth(since time.Time) error {
	return &webhook.QuotaError{Limit: webhook.LimitEventsPerMonth, RetryAt: since.AddDate(0, 1, 0)}
}

// addMonth adds to what is left of a month, unless it is over.
func (t *tenant) addMonth(since time.Time, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.month.since.Equal(since) {
		t.month.left += n
	}
}

func (t *tenant) returnMonth(since time.Time) { t.addMonth(since, 1) }

// release returns what is left of the month to the store.
func (t *tenant) release(ctx context.Context, from func(string) (store.Reserver, error)) error {
	t.mu.Lock()
	since, left := t.month.since, t.month.left
	t.month.left = 0
	t.mu.Unlock()
	if left == 0 {
		return nil
	}
	r, err := from(t.name)
	if err == nil {
		_, err = t.askMonth(ctx, Source{Reserver: r}, since, store.QuotaRequest{Return: left})
	}
	return err
}
