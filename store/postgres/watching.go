package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TailDeliveries implements store.Watching. The queue has no index by endpoint: of what is
// pending at one a part of the tenant's newest is looked at.
func (s *Store) TailDeliveries(ctx context.Context, _, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	answer := store.NewTailed(len(asks), time.Time{})
	floor := webhook.PrefixDelivery.Floor(since)
	var wide, narrow tailRows
	var known tailKeys
	for n, ask := range asks {
		rows := &wide
		if ask.Endpoint != "" {
			rows = &narrow
		}
		rows.add(n, ask, floor)
		for _, id := range ask.Known {
			known.add(n, ask.Tenant, id)
		}
	}
	err := s.query(ctx, tailDeliveries, []any{
		floor, wide.asks, wide.tenants, wide.floors, narrow.asks, narrow.tenants, narrow.endpoints, narrow.floors,
		known.asks, known.tenants, known.ids,
	}, func(r row) error {
		var n *int64
		var at int64
		var d webhook.Delivery
		if err := scanDelivery(prefixed{r, []any{&n, &at}}, &d); err != nil {
			return err
		}
		answer.At = fromMicros(&at)
		if n != nil {
			d.Tenant = asks[*n].Tenant
			answer.Add(int(*n), d)
		}
		return nil
	})
	if err != nil {
		return store.Tailed{}, fmt.Errorf("tail deliveries: %w", classify(err))
	}
	return answer, nil
}

// tailDeliveries answers with a row for each delivery of an ask, and one that is only
// of the time if there are none. Plans of it are kept, so no part of it may be read from
// one end to the other: each ask leads to the index by itself, and an id is asked for as a
// range, whose order only the primary key has. 1,000 is what it takes a dispatcher to
// publish in a tenth of a second at its fastest.
const tailDeliveries = `
	SELECT d.n, postrider.now_us(), coalesce(d.id, ''), coalesce(d.event, ''), coalesce(d.endpoint, ''), coalesce(e.type, ''),
		coalesce(d.status, ''), coalesce(d.reason, ''), coalesce(d.attempts, 0), d.next_at, coalesce(d.created_at, 0),
		coalesce(d.updated_at, 0), coalesce(d.prio, 0), coalesce(d.okey, ''), coalesce(d.batch, '')
	FROM (SELECT 1) one
	LEFT JOIN (
		SELECT a.n, a.tenant, d.*
		FROM unnest($2::bigint[], $3::text[], $4::text[]) a (n, tenant, floor)
		CROSS JOIN LATERAL (
			SELECT ` + pendingColumns + `
			FROM postrider.queue d
			WHERE d.tenant = a.tenant
			AND d.delivery >= a.floor
			ORDER BY d.delivery DESC
			LIMIT 100) d
		UNION ALL
		SELECT a.n, a.tenant, d.*
		FROM unnest($2::bigint[], $3::text[]) a (n, tenant)
		CROSS JOIN LATERAL (
			SELECT ` + endedColumns + `
			FROM postrider.deliveries d
			WHERE d.tenant = a.tenant
			AND d.id >= $1
			ORDER BY d.id DESC
			LIMIT 100) d
		UNION ALL
		SELECT a.n, a.tenant, d.*
		FROM unnest($5::bigint[], $6::text[], $7::text[], $8::text[]) a (n, tenant, endpoint, floor)
		CROSS JOIN LATERAL (
			SELECT ` + pendingColumns + `
			FROM (
				SELECT *
				FROM postrider.queue d
				WHERE d.tenant = a.tenant
				AND d.delivery >= a.floor
				ORDER BY d.delivery DESC
				LIMIT 1000) d
			WHERE d.endpoint = a.endpoint
			ORDER BY d.delivery DESC
			LIMIT 100) d
		UNION ALL
		SELECT a.n, a.tenant, d.*
		FROM unnest($5::bigint[], $6::text[], $7::text[]) a (n, tenant, endpoint)
		CROSS JOIN LATERAL (
			SELECT ` + endedColumns + `
			FROM postrider.deliveries d
			WHERE d.tenant = a.tenant
			AND d.endpoint = a.endpoint
			AND d.id >= $1
			ORDER BY d.id DESC
			LIMIT 100) d
		UNION ALL
		SELECT a.n, a.tenant, d.*
		FROM unnest($9::bigint[], $10::text[], $11::text[]) a (n, tenant, id)
		CROSS JOIN LATERAL (
			SELECT ` + pendingColumns + `
			FROM postrider.queue d
			WHERE d.tenant = a.tenant
			AND d.delivery = a.id
			UNION ALL
			(SELECT ` + endedColumns + `
			FROM postrider.deliveries d
			WHERE d.tenant = a.tenant
			AND d.id >= a.id
			AND d.id <= a.id
			ORDER BY d.id
			LIMIT 1)
			LIMIT 1) d) d ON true
	LEFT JOIN LATERAL (
		SELECT e.type
		FROM postrider.events e
		WHERE e.tenant = d.tenant
		AND e.id = d.event
		LIMIT 1) e ON true`

// tailRows are asks as columns.
type tailRows struct {
	asks                       []int64
	tenants, endpoints, floors []string
}

func (r *tailRows) add(n int, ask store.TailAsk, floor string) {
	if ask.Backlog {
		floor = ""
	}
	r.asks = append(r.asks, int64(n))
	r.tenants = append(r.tenants, ask.Tenant)
	r.endpoints = append(r.endpoints, ask.Endpoint)
	r.floors = append(r.floors, floor)
}

// tailKeys are deliveries that were named, as columns.
type tailKeys struct {
	asks         []int64
	tenants, ids []string
}

func (k *tailKeys) add(n int, tenant, id string) {
	k.asks, k.tenants, k.ids = append(k.asks, int64(n)), append(k.tenants, tenant), append(k.ids, id)
}

// prefixed is a row that begins with columns of its own.
type prefixed struct {
	row
	first []any
}

// Scan implements row.
func (p prefixed) Scan(dest ...any) error { return p.row.Scan(append(p.first, dest...)...) }

// Lag implements store.Watching. No process has the epoch 0, so the lanes are those of
// nobody.
func (s *Store) Lag(ctx context.Context, _ time.Time) (time.Duration, error) {
	var due upcoming
	if err := s.query(ctx, nextDue, []any{0}, due.scan); err != nil {
		return 0, fmt.Errorf("read lag: %w", classify(err))
	}
	first := min(due.row, due.lane)
	return time.Duration(max(due.now-first, 0)) * time.Microsecond, nil
}
