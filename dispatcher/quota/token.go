package quota

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Source is where tokens are taken from.
type Source struct {
	store.Reserver
	// Undone says that it is a transaction that may be rolled back, and with it
	// what is taken. Then nothing is taken in advance.
	Undone bool
}

// Token is the right to publish one event.
type Token struct {
	tenant *tenant
	// month is when the month began that it counts for, or zero if events of a
	// month are not limited; undone that it was taken in a transaction.
	month  time.Time
	undone bool
	// second is when it lapses as one of a second's events, or zero.
	second time.Time
}

// Take takes a token for one event of a tenant. Nothing is waited for but the
// source. Errors are *webhook.QuotaError, that of the host's function, and
// store.ErrUnavailable.
func (k *Keeper) Take(ctx context.Context, name string, from Source) (Token, error) {
	if k == nil {
		return Token{}, nil
	}
	t := k.tenant(name)
	limits, err := k.limitsOf(ctx, t)
	if err != nil {
		return Token{}, fmt.Errorf("read the tenant's limits: %w", err)
	}
	tok := Token{tenant: t}
	if limits.EventsPerSecond > 0 {
		if tok.second, err = t.takeSecond(ctx, limits.EventsPerSecond, from); err != nil {
			return Token{}, failed(err)
		}
	}
	if limits.EventsPerMonth > 0 {
		if tok.month, tok.undone, err = t.takeMonth(ctx, limits.EventsPerMonth, from); err != nil {
			Token{tenant: t, second: tok.second}.Return(ctx, from)
			return Token{}, failed(err)
		}
	}
	return tok, nil
}

// Return gives a token back whose event was not stored.
func (tok Token) Return(ctx context.Context, from Source) {
	if tok.tenant == nil {
		return
	}
	if !tok.second.IsZero() && !from.Undone { // else it lapses
		tok.tenant.returnSecond(tok.second)
	}
	switch {
	case tok.month.IsZero():
	case tok.undone:
		// If that fails the transaction does, which has the same effect.
		_, _ = from.ReserveQuota(ctx, clock.Now(), store.QuotaRequest{
			Tenant: tok.tenant.name, Name: webhook.LimitEventsPerMonth, Window: tok.month, Return: 1,
		})
	default:
		tok.tenant.returnMonth(tok.month)
	}
}

// failed is an error of a reservation as its caller gets it: no event was written,
// whatever became of the tokens.
func failed(err error) error {
	if errors.Is(err, store.ErrUnknown) {
		return fmt.Errorf("%w: %v", store.ErrUnavailable, err)
	}
	return err
}

// reserve runs a reservation while no other of the tenant is under way.
func (t *tenant) reserve(ctx context.Context, run func() error) error {
	select {
	case t.flight <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: reserve: %w", store.ErrUnavailable, ctx.Err())
	}
	defer func() { <-t.flight }()
	return run()
}
