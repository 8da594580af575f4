package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// FindDeliveries implements store.History. What is pending and what has ended are looked
// through down to the same id, which is the least that both have looked at.
func (s *Store) FindDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) (found store.Found[webhook.Delivery], err error) {
	page.Oldest = false
	end, err := s.endOfDeliveries(ctx, tenant, filter, page)
	if err != nil {
		return found, fmt.Errorf("find deliveries: %w", classify(err))
	}
	list, err := s.readDeliveries(ctx, newDeliveryQuery(tenant, filter, page), page.Size()+1, end)
	if err != nil {
		return found, fmt.Errorf("find deliveries: %w", classify(err))
	}
	return sqlstore.PageOf(list, page, end, func(d *webhook.Delivery) string { return d.ID }), nil
}

// endOfDeliveries returns the least id that is looked at for a page, or "" if all are.
// What an index leads to in the order of ids need not be bounded, and neither need the
// deliveries of an event, which are no more than its tenant has endpoints.
func (s *Store) endOfDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) (end string, err error) {
	q := newDeliveryQuery(tenant, filter, page)
	byType := filter.EventType != "" || filter.TypePrefix != ""
	byTime := !filter.From.IsZero() || !filter.To.IsZero() // of creation, which is not that of the id
	var walks []string
	if filter.Status == "" || filter.Status == webhook.DeliveryPending {
		if filter.Endpoint != "" || byType || byTime {
			walks = append(walks, q.walk("delivery", "queue", "", page))
		}
	}
	if filter.Status != webhook.DeliveryPending && (filter.Status == webhook.DeliveryDelivered || byType || byTime) {
		walks = append(walks, q.walk("id", "deliveries", q.led(), page))
	}
	if len(walks) == 0 || filter.Event != "" {
		return "", nil
	}
	err = s.query(ctx, `
		SELECT coalesce(greatest(`+strings.Join(walks, ", ")+`), '')`, q.args, func(r row) error { return r.Scan(&end) })
	return end, err
}

// led returns the conditions by which an index leads to what has ended.
func (q *deliveryQuery) led() (where string) {
	if q.filter.Endpoint != "" {
		where += ` AND d.endpoint = ` + q.arg(q.filter.Endpoint)
	}
	if q.filter.Status != "" && q.filter.Status != webhook.DeliveryDelivered {
		where += ` AND ` + q.ended()
	}
	return where
}

// walk returns an expression for the last id of the newest rows of a table, as many as a
// page looks at; it is NULL if there are no more than those.
func (q *deliveryQuery) walk(id, table, where string, page store.Page) string {
	if q.from != "" {
		where += ` AND d.` + id + ` >= ` + q.arg(q.from)
	}
	return fmt.Sprintf(`(
			SELECT CASE WHEN count(*) = 2 THEN max(w.id) END
			FROM (
				SELECT d.%[1]s AS id
				FROM postrider.%[2]s d
				WHERE d.tenant = $1 AND d.%[1]s < %[3]s%[4]s
				ORDER BY d.%[1]s DESC
				LIMIT 2
				OFFSET %[5]d) w)`, id, table, q.arg(q.below), where, page.Most()-1)
}

// Outcomes implements store.History. The events are found one by one: a plain join with
// the list of them may be turned round.
func (s *Store) Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error) {
	counts := make(map[string]webhook.Outcomes, len(events))
	events = slices.Compact(slices.Sorted(slices.Values(events))) // or one would be counted twice
	err := s.query(ctx, `
		SELECT e.id, d.status, count(*)
		FROM unnest($2::text[]) k (id)
		CROSS JOIN LATERAL (
			SELECT e.id, e.first_delivery, coalesce(e.last_delivery, e.first_delivery) AS last_delivery
			FROM postrider.events e
			WHERE e.tenant = $1
			AND e.id = k.id
			LIMIT 1) e
		CROSS JOIN LATERAL (
			SELECT 'pending' AS status
			FROM postrider.queue q
			WHERE q.tenant = $1
			AND q.delivery >= e.first_delivery
			AND q.delivery <= e.last_delivery
			AND q.event = e.id
			UNION ALL
			SELECT h.status
			FROM postrider.deliveries h
			WHERE h.tenant = $1
			AND h.event = e.id
			AND h.id >= e.first_delivery
			AND h.id <= e.last_delivery) d
		GROUP BY e.id, d.status`, []any{tenant, events}, func(r row) error {
		var event, status string
		var n int
		err := r.Scan(&event, &status, &n)
		o := counts[event]
		o.Add(webhook.DeliveryStatus(status), n)
		counts[event] = o
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", classify(err))
	}
	return counts, nil
}
