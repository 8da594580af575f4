package webhook

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryPolicy says when a delivery is tried: either by a schedule or
// exponentially, never both. The zero value is DefaultSchedule.
type RetryPolicy struct {
	// Schedule holds the wait before each attempt, the first one included: its
	// length is the number of attempts. 1 to 50 entries of 0 seconds to 7 days.
	// Defaults to DefaultSchedule, if Initial is zero.
	Schedule []time.Duration
	// Initial is the wait before the second attempt of an exponential policy;
	// the wait before attempt n+1 is Initial × Multiplier^(n-1), at most
	// MaxInterval. 1 second to 7 days.
	Initial time.Duration
	// Multiplier is the growth of the waits, 1 to 10. Defaults to 2.
	Multiplier float64
	// MaxInterval bounds a wait, 1 second to 7 days. Defaults to 24 hours.
	MaxInterval time.Duration
	// MaxAttempts is the number of attempts of an exponential policy, 1 to 50.
	// Defaults to 10.
	MaxAttempts int
	// Jitter is the share by which a wait is moved up or down at random, 0 to
	// 0.5, so that deliveries that failed together do not return together.
	// Negative means none. Defaults to 0.2.
	Jitter float64
}

// DefaultSchedule is the example schedule of Standard Webhooks 1.0.0: ten
// attempts over 75 h 35 m 5 s.
var DefaultSchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// DefaultJitter is the Jitter of a policy that says nothing of it.
const DefaultJitter = 0.2

const (
	defaultMultiplier = 2
	defaultMaxWait    = 24 * time.Hour
	defaultAttempts   = 10
	maxAttempts       = 50
	minWait           = time.Second
	maxWait           = 7 * 24 * time.Hour
	maxJitter         = 0.5
)

// IsZero reports whether nothing is said, so that a default applies.
func (p RetryPolicy) IsZero() bool {
	return p.Schedule == nil && p.Initial == 0 && p.Multiplier == 0 && p.MaxInterval == 0 && p.MaxAttempts == 0 && p.Jitter == 0
}

// Attempts returns how many attempts the policy allows.
func (p RetryPolicy) Attempts() int {
	switch {
	case len(p.Schedule) > 0:
		return len(p.Schedule)
	case p.Initial == 0:
		return len(DefaultSchedule)
	case p.MaxAttempts == 0:
		return defaultAttempts
	}
	return p.MaxAttempts
}

// Wait returns how long to wait before the next attempt when done attempts
// have been made (0 before the first), and false when none is left. random is
// in [0, 1) and places the wait within its jitter.
func (p RetryPolicy) Wait(done int, random float64) (time.Duration, bool) {
	if done < 0 || done >= p.Attempts() {
		return 0, false
	}
	wait := p.base(done)
	jitter := p.Jitter
	switch {
	case jitter == 0:
		jitter = DefaultJitter
	case jitter < 0:
		jitter = 0
	}
	return wait + time.Duration(float64(wait)*jitter*(2*random-1)), true
}

func (p RetryPolicy) base(done int) time.Duration {
	switch {
	case len(p.Schedule) > 0:
		return p.Schedule[done]
	case p.Initial == 0:
		return DefaultSchedule[done]
	case done == 0:
		return 0
	}
	b := backoff.ExponentialBackOff{
		InitialInterval: p.Initial,
		Multiplier:      p.Multiplier,
		MaxInterval:     p.MaxInterval,
		Clock:           backoff.SystemClock,
		Stop:            backoff.Stop,
	}
	if b.Multiplier == 0 {
		b.Multiplier = defaultMultiplier
	}
	if b.MaxInterval == 0 {
		b.MaxInterval = defaultMaxWait
	}
	b.InitialInterval = min(b.InitialInterval, b.MaxInterval)
	b.Reset()
	wait := b.NextBackOff()
	for range done - 1 {
		wait = b.NextBackOff()
	}
	return wait
}

func (p RetryPolicy) validate(inv *InvalidError) {
	exponential := p.Initial != 0 || p.Multiplier != 0 || p.MaxInterval != 0 || p.MaxAttempts != 0
	switch {
	case p.Schedule != nil && exponential:
		inv.Add("retry", CodeInvalidField, "Give a schedule or an exponential policy, not both.")
	case p.Schedule != nil:
		p.validateSchedule(inv)
	case exponential:
		p.validateExponential(inv)
	}
	if !(p.Jitter <= maxJitter) { // also NaN
		inv.Add("retry.jitter", CodeInvalidField, "Must be 0 to 0.5.")
	}
}

func (p RetryPolicy) validateSchedule(inv *InvalidError) {
	if len(p.Schedule) == 0 || len(p.Schedule) > maxAttempts {
		inv.Add("retry.schedule_seconds", CodeInvalidField, "Must have 1 to 50 entries.")
	} else if slices.ContainsFunc(p.Schedule, func(d time.Duration) bool { return d < 0 || d > maxWait }) {
		inv.Add("retry.schedule_seconds", CodeInvalidField, "Each entry must be 0 seconds to 7 days.")
	}
}

func (p RetryPolicy) validateExponential(inv *InvalidError) {
	if p.Initial < minWait || p.Initial > maxWait {
		inv.Add("retry.initial_seconds", CodeInvalidField, "Must be 1 second to 7 days.")
	}
	if p.Multiplier != 0 && !(p.Multiplier >= 1 && p.Multiplier <= 10) { // also NaN
		inv.Add("retry.multiplier", CodeInvalidField, "Must be 1 to 10.")
	}
	if p.MaxInterval != 0 && (p.MaxInterval < minWait || p.MaxInterval > maxWait) {
		inv.Add("retry.max_interval_seconds", CodeInvalidField, "Must be 1 second to 7 days.")
	}
	if p.MaxAttempts < 0 || p.MaxAttempts > maxAttempts {
		inv.Add("retry.max_attempts", CodeInvalidField, "Must be 1 to 50.")
	}
}
