package httpapi

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/postrider/postrider/webhook"
)

// Limiter bounds requests, by principal. It must be safe for concurrent use.
type Limiter interface {
	// Allow takes one request of a principal's, or returns how long to wait for the
	// next.
	Allow(ctx context.Context, p webhook.Principal) (wait time.Duration, ok bool)
}

// NewLimiter returns a Limiter that lets every principal, an actor of a tenant, make
// perSecond requests a second, and burst at once. It counts in this process alone. The
// error says that one of the two is not greater than zero.
func NewLimiter(perSecond float64, burst int) (Limiter, error) {
	if !(perSecond > 0) || burst < 1 { // NaN is not greater
		return nil, fmt.Errorf("httpapi: a limit of %v a second and %d at once lets nobody in", perSecond, burst)
	}
	return limiter{newBuckets(rate.Limit(perSecond), burst)}, nil
}

type limiter struct{ of *buckets }

func (l limiter) Allow(_ context.Context, p webhook.Principal) (time.Duration, bool) {
	return l.of.take(p.Tenant + "\x00" + p.Actor) // a tenant has no NUL
}
