package postgres

import (
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// insertSomeEnded is insertEvents for publications of which some deliveries end as
// they are written. It is a statement of its own, so that the others do not look at
// the history.
const insertSomeEnded = insertPublications + `, ended AS (
		INSERT INTO postrider.deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, created_at, updated_at,
			seq, prio, okey)
		SELECT d.tenant, d.delivery, d.event, d.endpoint, d.status, nullif(d.reason, ''), 0, 1, postrider.now_us(), postrider.now_us(),
			nextval('postrider.queue_seq'), d.prio, d.okey
		FROM unnest($23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[], $29::bigint[], $30::text[])
			d (tenant, delivery, event, endpoint, status, reason, prio, okey)
		WHERE NOT EXISTS (SELECT FROM stale)
	)
	SELECT tenant, revision
	FROM stale`

// endedRows are deliveries that end as they are written, as columns.
type endedRows struct {
	tenants, ids, events, endpoints, statuses, reasons, keys []string
	priorities                                               []int64
}

func (r *endedRows) add(ev *webhook.Event, d *store.NewDelivery) {
	r.tenants = append(r.tenants, ev.Tenant)
	r.ids = append(r.ids, d.ID)
	r.events = append(r.events, ev.ID)
	r.endpoints = append(r.endpoints, d.Endpoint)
	r.statuses = append(r.statuses, string(d.Status))
	r.reasons = append(r.reasons, string(d.Reason))
	r.priorities = append(r.priorities, int64(d.Priority.Rank()))
	r.keys = append(r.keys, sqlstore.OrderKey(d.Ordered, d.Key))
}

func (r *endedRows) args(first []any) []any {
	return append(first, r.tenants, r.ids, r.events, r.endpoints, r.statuses, r.reasons, r.priorities, r.keys)
}
