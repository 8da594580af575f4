package postgres

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/postrider/postrider/store"
)

// Bind implements store.Batches, in one round trip.
func (s *Store) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	var m members
	for _, b := range batches {
		for _, row := range b.Members {
			m.add(b, row)
		}
	}
	sort.Sort(&m) // in which order everybody locks rows
	var bound []string
	err := s.query(ctx, bindRows, []any{m.tenants, m.deliveries, m.claims, owner(epoch), m.ids}, func(r row) error {
		var id string
		err := r.Scan(&id)
		bound = append(bound, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bind batches: %w", committing(err))
	}
	return bound, nil
}

// members are rows that are to be bound, as columns.
type members struct {
	tenants, deliveries, ids []string
	claims                   []int64
}

func (m *members) add(b store.Binding, row store.Held) {
	m.tenants = append(m.tenants, b.Tenant)
	m.deliveries = append(m.deliveries, row.Delivery)
	m.claims = append(m.claims, row.Claim)
	m.ids = append(m.ids, b.ID)
}

func (m *members) Len() int { return len(m.ids) }

func (m *members) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(m.tenants[i], m.tenants[j]), cmp.Compare(m.deliveries[i], m.deliveries[j])) < 0
}

func (m *members) Swap(i, j int) {
	m.tenants[i], m.tenants[j] = m.tenants[j], m.tenants[i]
	m.deliveries[i], m.deliveries[j] = m.deliveries[j], m.deliveries[i]
	m.claims[i], m.claims[j] = m.claims[j], m.claims[i]
	m.ids[i], m.ids[j] = m.ids[j], m.ids[i]
}

// bindRows locks what could be bound (see leasedRow), and binds the batches of which
// that is all.
const bindRows = `
	WITH member AS MATERIALIZED (
		SELECT *
		FROM unnest($1::text[], $2::text[], $3::bigint[], $5::text[]) m (tenant, delivery, claim, batch)
	), ready AS MATERIALIZED (
		SELECT m.batch, m.delivery, l.at
		FROM member m
		CROSS JOIN LATERAL (
			SELECT r.ctid AS at
			FROM postrider.queue r
			WHERE r.tenant = m.tenant
			AND r.delivery = m.delivery
			AND r.claims = m.claim
			AND r.owner + 0 = $4
			AND r.batch IS NULL
			AND r.canceled = 0
			LIMIT 1
			FOR UPDATE
		) l
	), whole AS MATERIALIZED (
		SELECT m.batch
		FROM member m
		GROUP BY m.batch
		HAVING count(*) = (SELECT count(DISTINCT r.delivery) FROM ready r WHERE r.batch = m.batch)
	), bound AS (
		UPDATE postrider.queue q
		SET batch = r.batch, started = 1
		FROM whole w
		JOIN ready r ON r.batch = w.batch
		WHERE q.ctid = r.at
		RETURNING q.batch
	)
	SELECT DISTINCT batch
	FROM bound`

// claimBatches returns the step that leases whole batches of lanes, oldest first,
// until as many rows have come as a lane's turn allows. What makes a batch whole is
// that all its rows are free and due. It looks at somewhat more rows than it may
// lease, so that the last batch is among them to its end.
func (l *turnList) claimBatches(epoch int64, scan func(row) error) step {
	const largest = 100
	return step{batchTexts[sizeOf(l.max+largest)], append(l.claimArgs(), epoch), scan}
}

// spend takes what has come of batches from what turns may still lease.
func (l *turnList) spend(rows []store.Claimed) {
	came := make(map[store.Lane]int64)
	for i := range rows {
		came[store.Lane{Tenant: rows[i].Tenant, Endpoint: rows[i].Endpoint}]++
	}
	l.max = 0
	for i := range l.most {
		n := came[store.Lane{Tenant: l.tenants[i], Endpoint: l.endpoints[i]}]
		l.most[i] = max(l.most[i]-n, 0)
		l.max = max(l.max, l.most[i])
	}
}

var batchTexts = func() map[int64]string {
	texts := make(map[int64]string, len(claimSizes))
	for _, size := range claimSizes {
		texts[size] = strings.Replace(`
			WITH free AS MATERIALIZED (
				SELECT r.tenant, r.endpoint, r.batch, r.at, l.most
				FROM unnest($1::text[], $2::text[], $3::bigint[]) l (tenant, endpoint, most)
				CROSS JOIN LATERAL (
					SELECT q.tenant, q.endpoint, q.batch, q.ctid AS at
					FROM postrider.queue q
					WHERE q.owner = 0
					AND q.batch IS NOT NULL
					AND q.tenant = l.tenant
					AND q.endpoint = l.endpoint
					AND q.due <= postrider.now_us()
					ORDER BY q.batch
					LIMIT :size
					FOR UPDATE SKIP LOCKED
				) r
				WHERE l.most > 0
			), counted AS MATERIALIZED (
				SELECT tenant, endpoint, batch, min(most) AS most, count(*) AS n
				FROM free
				GROUP BY tenant, endpoint, batch
			), whole AS MATERIALIZED (
				SELECT c.tenant, c.batch, c.most, sum(c.n) OVER (PARTITION BY c.tenant, c.endpoint ORDER BY c.batch) - c.n AS before
				FROM counted c
				WHERE c.n = (
					SELECT count(*)
					FROM postrider.queue q
					WHERE q.batch IS NOT NULL
					AND q.tenant = c.tenant
					AND q.batch = c.batch)
			)
			UPDATE postrider.queue u
			SET owner = $4, claims = u.claims + 1, parked = 0
			FROM whole w
			JOIN free f ON f.tenant = w.tenant AND f.batch = w.batch
			WHERE w.before < w.most
			AND u.ctid = f.at
			RETURNING `+takenColumns,
			":size", strconv.FormatInt(size, 10), 1)
	}
	return texts
}()
