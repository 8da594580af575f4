package store

import (
	"context"
	"time"
)

// Quotas counts what tenants use up of an amount that they have for a time, such
// as a month, over all processes.
type Quotas interface {
	// ReserveQuota gives units of a quota to the caller, for good unless it
	// returns them, and reports how many. Nothing to give is not an error. It
	// is one durable transaction. After ErrUnknown units may be lost, which
	// nobody gets then.
	ReserveQuota(ctx context.Context, now time.Time, req QuotaRequest) (int64, error)

	// QuotaUsed returns how many units of a quota were given.
	QuotaUsed(ctx context.Context, tenant, name string, window time.Time) (int64, error)

	// CountEndpoints returns how many endpoints a tenant has, deleted ones aside.
	CountEndpoints(ctx context.Context, tenant string) (int, error)
}

// Reserver is where quotas and rates are reserved, and keys found.
type Reserver interface {
	Rates
	ReserveQuota(ctx context.Context, now time.Time, req QuotaRequest) (int64, error)
	AddSubjectKeys(ctx context.Context, keys []SubjectKey) ([]SubjectKey, error)
	SubjectKeys(ctx context.Context, names []SubjectKeyName) ([]SubjectKey, error)
}

// QuotaRequest asks for units of a quota.
type QuotaRequest struct {
	Tenant string
	// Name is what is counted.
	Name string
	// Window is when the time began that the amount is for.
	Window time.Time
	// Limit is how many units there are. It may change from one request to the
	// next; what was given stays given.
	Limit int64
	// Need is how many are wanted at least, though fewer may be given, and Block
	// how many are taken in advance while there are plenty: at most an eighth
	// of what is left, so that processes that share a quota leave little
	// unused in each other's hands when it comes to an end.
	Need, Block int64
	// Return is how many units the caller gives back first.
	Return int64
}

// Grant is the arithmetic of ReserveQuota: how many units are given when so many
// are used, and how many are used then.
func (r QuotaRequest) Grant(used int64) (given, then int64) {
	used = max(used-max(r.Return, 0), 0)
	free := max(r.Limit-used, 0)
	given = min(free, max(r.Need, min(r.Block, free/8), 0))
	return given, used + given
}
