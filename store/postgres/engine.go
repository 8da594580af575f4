package postgres

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// EngineEndpoints implements store.Directory, for all keys at once.
func (s *Store) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	known := make(map[store.Lane]*store.EngineEndpoint, len(keys))
	of := func(tenant, endpoint string) *store.EngineEndpoint {
		return known[store.Lane{Tenant: tenant, Endpoint: endpoint}]
	}
	args := laneArgs(distinct(keys))
	t, err := s.begin(ctx, beginReading,
		step{`
			SELECT ` + sqlstore.EndpointColumns("e") + `
			FROM unnest($1::text[], $2::text[]) k (tenant, endpoint)
			JOIN postrider.endpoints e ON e.tenant = k.tenant AND e.id = k.endpoint`, args, func(r row) error {
			ep := new(store.EngineEndpoint)
			err := sqlstore.ScanEndpoint(sharedRow{r}, &ep.EndpointRecord)
			ep.Health.Tenant, ep.Health.EndpointID = ep.Tenant, ep.ID
			known[store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID}] = ep
			return err
		}},
		step{`
			SELECT ` + sqlstore.SecretColumns("s") + `
			FROM unnest($1::text[], $2::text[]) k (tenant, endpoint)
			JOIN postrider.secrets s ON s.tenant = k.tenant AND s.endpoint = k.endpoint
			ORDER BY s.until IS NOT NULL, s.created_at DESC, s.id DESC`, args, func(r row) error {
			var sec store.SecretRecord
			err := sqlstore.ScanSecret(sharedRow{r}, &sec)
			if ep := of(sec.Tenant, sec.Endpoint); ep != nil {
				ep.Secrets = append(ep.Secrets, sec)
			}
			return err
		}},
		step{`
			SELECT ` + healthColumns + `
			FROM unnest($1::text[], $2::text[]) k (tenant, endpoint)
			JOIN postrider.health h ON h.tenant = k.tenant AND h.endpoint = k.endpoint`, args, func(r row) error {
			h, err := scanHealth(r)
			if ep := of(h.Tenant, h.EndpointID); ep != nil {
				ep.Health = h
			}
			return err
		}})
	if err == nil {
		err = t.commit(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read endpoints for lanes: %w", readOnly(err))
	}
	endpoints := make([]store.EngineEndpoint, 0, len(known))
	for _, ep := range known {
		endpoints = append(endpoints, *ep)
	}
	return endpoints, nil
}

// distinct returns the different ones of lanes.
func distinct(lanes []store.Lane) []store.Lane {
	seen := make(map[store.Lane]bool, len(lanes))
	var list []store.Lane
	for _, lane := range lanes {
		if !seen[lane] {
			seen[lane] = true
			list = append(list, lane)
		}
	}
	return list
}
