package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveQuota implements store.Quotas.
func (s *Store) ReserveQuota(ctx context.Context, _ time.Time, req store.QuotaRequest) (given int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		given, err = reserveQuota(ctx, c, &req)
		return err
	})
	if err != nil {
		return 0, wrap("reserve quota", err)
	}
	return given, nil
}

func reserveQuota(ctx context.Context, c Conn, req *store.QuotaRequest) (int64, error) {
	before, err := quotaUsed(ctx, c, req.Tenant, req.Name, req.Window)
	if err != nil {
		return 0, err
	}
	given, used := req.Grant(before)
	if used == before {
		return given, nil
	}
	_, err = c.Exec(ctx, `
		INSERT INTO postrider_quotas (tenant, name, since, used)
		VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, name, since) DO UPDATE
		SET used = excluded.used`, req.Tenant, req.Name, req.Window.UnixMicro(), used)
	return given, err
}

func quotaUsed(ctx context.Context, c Conn, tenant, name string, window time.Time) (used int64, err error) {
	_, err = queryOne(ctx, c, `
		SELECT used
		FROM postrider_quotas
		WHERE tenant = ?
		AND name = ?
		AND since = ?`, []any{tenant, name, window.UnixMicro()}, &used)
	return used, err
}

// QuotaUsed implements store.Quotas.
func (s *Store) QuotaUsed(ctx context.Context, tenant, name string, window time.Time) (used int64, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		used, err = quotaUsed(ctx, c, tenant, name, window)
		return err
	})
	return used, wrap("read quota", err)
}

// CountEndpoints implements store.Quotas.
func (s *Store) CountEndpoints(ctx context.Context, tenant string) (n int, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		n, err = countEndpoints(ctx, c, tenant)
		return err
	})
	return n, wrap("count endpoints", err)
}

func countEndpoints(ctx context.Context, c Conn, tenant string) (n int, err error) {
	_, err = queryOne(ctx, c, `
		SELECT count(*)
		FROM postrider_endpoints
		WHERE tenant = ?
		AND deleted_at IS NULL`, []any{tenant}, &n)
	return n, err
}

// quotas removes the counts of times that are long over.
func (p *pruning) quotas(ctx context.Context, cutoff time.Time) error {
	old := false
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		var one int
		old, err = queryOne(ctx, c, `
			SELECT 1
			FROM postrider_quotas
			WHERE since < ?
			LIMIT 1`, []any{cutoff.UnixMicro()}, &one)
		return err
	})
	if err != nil || !old {
		return err
	}
	return p.store.db.Write(ctx, func(ctx context.Context, c Conn) error {
		_, err := c.Exec(ctx, `
			DELETE FROM postrider_quotas
			WHERE (tenant, name, since) IN (
				SELECT tenant, name, since
				FROM postrider_quotas
				WHERE since < ?
				LIMIT ? + 0)`, cutoff.UnixMicro(), p.limit)
		return err
	})
}
