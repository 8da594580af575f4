package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// endpointColumns are what ScanEndpoint reads.
const endpointColumns = `tenant, id, revision, version, config, sealed, created_at, updated_at, deleted_at`

// EndpointColumns are what ScanEndpoint reads of a table that goes by an alias.
func EndpointColumns(alias string) string { return columnsOf(alias, endpointColumns) }

func columnsOf(alias, columns string) string {
	return alias + "." + strings.ReplaceAll(columns, ", ", ", "+alias+".")
}

// ScanEndpoint reads the endpoint of a row.
func ScanEndpoint(r Row, ep *store.EndpointRecord) error {
	var config string
	if err := r.Scan(&ep.Tenant, &ep.ID, &ep.Revision, &ep.Version, &config, &ep.Sealed,
		&ep.CreatedAt, &ep.UpdatedAt, &ep.DeletedAt); err != nil {
		return err
	}
	return decodeConfig(config, &ep.Endpoint)
}

// queryEndpoints runs a query that selects endpointColumns.
func queryEndpoints(ctx context.Context, c Conn, query string, args ...any) ([]store.EndpointRecord, error) {
	var list []store.EndpointRecord
	err := c.Query(ctx, query, args, func(r Row) error {
		var ep store.EndpointRecord
		err := ScanEndpoint(r, &ep)
		list = append(list, ep)
		return err
	})
	return list, err
}

// liveEndpoint returns an endpoint that is not deleted.
func liveEndpoint(ctx context.Context, c Conn, tenant, id string) (store.EndpointRecord, error) {
	list, err := queryEndpoints(ctx, c, `
		SELECT `+endpointColumns+`
		FROM postrider_endpoints
		WHERE tenant = ?
		AND id = ?
		AND deleted_at IS NULL`, tenant, id)
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.EndpointRecord{}, err
	}
	return list[0], nil
}

// CreateEndpoint implements store.Endpoints.
func (s *Store) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, terms store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	ep = ep.Clone()
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		at, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if first, err := useCreationKey(ctx, c, &ep, &terms, at, at.Sub(now)); err != nil || first != "" {
			if err == nil {
				ep, err = liveEndpoint(ctx, c, ep.Tenant, first)
			}
			return err
		}
		ep.Endpoint = ep.WithoutSecrets()
		ep.Version, ep.DeletedAt = 1, time.Time{}
		ep.CreatedAt, ep.UpdatedAt = whole(at), whole(at)
		// Revisions are taken one by one until the commit, so nobody else creates
		// an endpoint from here on.
		if ep.Revision, err = nextRevision(ctx, c, ep.Tenant); err != nil {
			return err
		}
		if terms.Most > 0 {
			if n, err := countEndpoints(ctx, c, ep.Tenant); err != nil {
				return err
			} else if n >= terms.Most {
				return store.ErrTooMany
			}
		}
		config, err := encodeConfig(&ep.Endpoint)
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_endpoints (tenant, id, revision, version, config, sealed, created_at, updated_at, dead_for)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			ep.Tenant, ep.ID, ep.Revision, ep.Version, config, bytesOrNull(ep.Sealed),
			ep.CreatedAt.UnixMicro(), ep.UpdatedAt.UnixMicro(), deadFor(&ep.Endpoint)); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_lanes (tenant, endpoint, next_at, revision)
			VALUES (?, ?, ?, ?)`, ep.Tenant, ep.ID, int64(empty), ep.Revision); err != nil {
			return err
		}
		if err := insertSecret(ctx, c, secret); err != nil {
			return err
		}
		return WriteAudit(ctx, c, at, audit)
	})
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("create endpoint: %w", err)
	}
	return ep, nil
}

// nextRevision returns the next revision of all and makes it the tenant's.
func nextRevision(ctx context.Context, c Conn, tenant string) (int64, error) {
	revision, err := nextValue(ctx, c, "revision")
	if err != nil {
		return 0, err
	}
	_, err = c.Exec(ctx, `
		INSERT INTO postrider_tenants (tenant, revision)
		VALUES (?, ?)
		ON CONFLICT (tenant) DO UPDATE
		SET revision = excluded.revision`, tenant, revision)
	return revision, err
}

// UpdateEndpoint implements store.Endpoints.
func (s *Store) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	ep = ep.Clone()
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		revision, err := nextRevision(ctx, c, ep.Tenant)
		if err != nil {
			return err
		}
		old, err := liveEndpoint(ctx, c, ep.Tenant, ep.ID)
		if err != nil {
			return err
		}
		if old.Version != ep.Version {
			return store.ErrVersion
		}
		ep.Endpoint = ep.WithoutSecrets()
		ep.CreatedAt, ep.DeletedAt = old.CreatedAt, time.Time{}
		ep.Revision = revision
		if old.Order != ep.Order {
			if err := unblockAll(ctx, c, ep.Tenant, ep.ID); err != nil {
				return err
			}
		}
		if err := changeEndpoint(ctx, c, now, &ep); err != nil {
			return err
		}
		if err := WriteAudit(ctx, c, now, audit); err != nil {
			return err
		}
		if old.Status != webhook.EndpointPaused || ep.Status != webhook.EndpointActive {
			return nil
		}
		// After the lane, as a settlement locks them.
		_, err = c.Exec(ctx, `
			INSERT INTO postrider_health (tenant, endpoint, failures, trips, recovering_at, changed_at)
			VALUES (?, ?, 0, 0, ?, ?)
			ON CONFLICT (tenant, endpoint) DO UPDATE
			SET failures = 0,
				trips = 0,
				recovering_at = excluded.recovering_at,
				changed_at = excluded.changed_at`, ep.Tenant, ep.ID, now.UnixMicro(), now.UnixMicro())
		return err
	})
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("update endpoint: %w", err)
	}
	return ep, nil
}

// changeEndpoint writes an endpoint that exists, under its next version and the
// revision that the caller has given it, and makes its lane due. Who changes an
// endpoint takes the revision before reading it: it keeps others from doing so.
func changeEndpoint(ctx context.Context, c Conn, now time.Time, ep *store.EndpointRecord) error {
	ep.Version, ep.UpdatedAt = ep.Version+1, whole(now)
	config, err := encodeConfig(&ep.Endpoint)
	if err != nil {
		return err
	}
	if _, err := c.Exec(ctx, `
		UPDATE postrider_endpoints
		SET revision = ?, version = ?, config = ?, sealed = ?, updated_at = ?, deleted_at = ?, dead_for = ?
		WHERE tenant = ?
		AND id = ?`,
		ep.Revision, ep.Version, config, bytesOrNull(ep.Sealed), ep.UpdatedAt.UnixMicro(), micros(ep.DeletedAt), deadFor(&ep.Endpoint),
		ep.Tenant, ep.ID); err != nil {
		return err
	}
	_, err = c.Exec(ctx, `
		UPDATE postrider_lanes
		SET next_at = CASE next_at WHEN ? THEN next_at ELSE ? END, revision = ?
		WHERE tenant = ?
		AND endpoint = ?`, int64(empty), now.UnixMicro(), ep.Revision, ep.Tenant, ep.ID)
	return err
}

// DeleteEndpoint implements store.Endpoints.
func (s *Store) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		revision, err := nextRevision(ctx, c, tenant)
		if err != nil {
			return err
		}
		ep, err := liveEndpoint(ctx, c, tenant, id)
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			DELETE FROM postrider_secrets
			WHERE tenant = ?
			AND endpoint = ?`, tenant, id); err != nil {
			return err
		}
		if err := unblockAll(ctx, c, tenant, id); err != nil {
			return err
		}
		ep.DeletedAt, ep.Revision, ep.Sealed = now, revision, nil
		if err := changeEndpoint(ctx, c, now, &ep); err != nil {
			return err
		}
		return WriteAudit(ctx, c, now, audit)
	})
	return wrap("delete endpoint", err)
}

// Endpoint implements store.Endpoints.
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	var ep store.EndpointRecord
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		ep, err = liveEndpoint(ctx, c, tenant, id)
		return err
	})
	return ep, wrap("read endpoint", err)
}

// ListEndpoints implements store.Endpoints.
func (s *Store) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	var list []store.EndpointRecord
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		list, err = queryEndpoints(ctx, c, `
			SELECT `+endpointColumns+`
			FROM postrider_endpoints
			WHERE tenant = ?
			AND id < ?
			AND deleted_at IS NULL
			ORDER BY id DESC
			LIMIT ? + 0`, tenant, before(page), page.Size())
		return err
	})
	return list, wrap("list endpoints", err)
}
