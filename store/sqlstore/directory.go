package sqlstore

import (
	"context"
	"strings"

	"github.com/postrider/postrider/store"
)

// TenantEndpoints implements store.Directory.
func (s *Store) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	var list []store.EndpointRecord
	var revision int64
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		list, revision, err = TenantEndpoints(ctx, c, tenant, after)
		return err
	})
	return list, revision, wrap("read endpoints of tenant", err)
}

// TenantEndpoints is Store.TenantEndpoints in a transaction.
func TenantEndpoints(ctx context.Context, c Conn, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	revision, err := tenantRevision(ctx, c, tenant)
	if err != nil || revision <= after {
		return nil, revision, err
	}
	list, err := queryEndpoints(ctx, c, `
		SELECT `+endpointColumns+`
		FROM postrider_endpoints
		WHERE tenant = ?
		AND revision > ?
		ORDER BY revision`, tenant, after)
	return list, revision, err
}

// Tenants implements store.Directory. The cursor is "=" and the last tenant.
func (s *Store) Tenants(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	after, begun := strings.CutPrefix(cursor, "=")
	query := `
		SELECT tenant
		FROM postrider_tenants
		WHERE tenant >= ?
		ORDER BY tenant
		LIMIT ? + 0`
	if begun {
		query = `
		SELECT tenant
		FROM postrider_tenants
		WHERE tenant > ?
		ORDER BY tenant
		LIMIT ? + 0`
	}
	var names []string
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, query, []any{after, limit}, func(r Row) error {
			var name string
			err := r.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	if err != nil {
		return nil, cursor, wrap("list tenants", err)
	}
	if len(names) > 0 {
		cursor = "=" + names[len(names)-1]
	}
	return names, cursor, nil
}

// ChangedEndpoints implements store.Directory. The cursor is a revision:
// revisions are committed in their order.
func (s *Store) ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]store.EndpointRecord, int64, error) {
	var list []store.EndpointRecord
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		list, err = queryEndpoints(ctx, c, `
			SELECT `+endpointColumns+`
			FROM postrider_endpoints
			WHERE revision > ?
			ORDER BY revision
			LIMIT ? + 0`, cursor, limit)
		return err
	})
	if err != nil {
		return nil, cursor, wrap("read changed endpoints", err)
	}
	if len(list) > 0 {
		cursor = list[len(list)-1].Revision
	}
	return list, cursor, nil
}

// LatestChange implements store.Directory.
func (s *Store) LatestChange(ctx context.Context) (int64, error) {
	var revision int64
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		_, err := queryOne(ctx, c, `
			SELECT value
			FROM postrider_sequences
			WHERE name = 'revision'`, nil, &revision)
		return err
	})
	return revision, wrap("read latest change", err)
}

// EngineEndpoints implements store.Directory.
func (s *Store) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	var endpoints []store.EngineEndpoint
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		seen := make(map[store.Lane]bool, len(keys))
		for _, key := range keys {
			if seen[key] {
				continue
			}
			seen[key] = true
			found, err := engineEndpoint(ctx, c, key)
			if err != nil {
				return err
			}
			endpoints = append(endpoints, found...)
		}
		return nil
	})
	return endpoints, wrap("read endpoints for lanes", err)
}

// engineEndpoint returns an endpoint as the engine needs it, or none.
func engineEndpoint(ctx context.Context, c Conn, key store.Lane) ([]store.EngineEndpoint, error) {
	list, err := queryEndpoints(ctx, c, `
		SELECT `+endpointColumns+`
		FROM postrider_endpoints
		WHERE tenant = ?
		AND id = ?`, key.Tenant, key.Endpoint)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	ep := store.EngineEndpoint{EndpointRecord: list[0]}
	if ep.Secrets, err = readSecrets(ctx, c, key.Tenant, key.Endpoint); err != nil {
		return nil, err
	}
	ep.Health, err = readHealth(ctx, c, key.Tenant, key.Endpoint)
	return []store.EngineEndpoint{ep}, err
}
