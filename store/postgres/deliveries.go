package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// A delivery is in the queue while it is pending and in the history once it has
// ended. Both are read as one.

// pendingColumns and endedColumns are what scanDelivery reads.
const (
	pendingColumns = `d.delivery AS id, d.event, d.endpoint, 'pending' AS status, '' AS reason, d.attempts, d.due AS next_at,
		d.created_at, d.updated_at, d.prio, d.okey, coalesce(d.batch, '') AS batch`
	endedColumns = `d.id, d.event, d.endpoint, d.status, coalesce(d.reason, '') AS reason, d.attempts, NULL::bigint AS next_at,
		d.created_at, d.updated_at, d.prio, d.okey, coalesce(d.batch, '') AS batch`
	allColumns = `d.id, d.event, d.endpoint, coalesce(e.type, ''), d.status, d.reason, d.attempts, d.next_at, d.created_at, d.updated_at,
		d.prio, d.okey, d.batch`
)

func scanDelivery(r row, d *webhook.Delivery) error {
	var next *int64
	var created, updated int64
	var rank int
	var okey string
	err := r.Scan(&d.ID, &d.EventID, &d.EndpointID, &d.EventType, (*string)(&d.Status), (*string)(&d.Reason),
		&d.Attempts, &next, &created, &updated, &rank, &okey, &d.BatchID)
	d.NextAttemptAt, d.CreatedAt, d.UpdatedAt = fromMicros(next), fromMicros(&created), fromMicros(&updated)
	d.Priority = webhook.PriorityOf(rank)
	d.Ordered, d.OrderingKey = sqlstore.ParseOrderKey(okey)
	return err
}

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	d := webhook.Delivery{Tenant: tenant}
	found := false
	err := s.query(ctx, `
		SELECT `+allColumns+`
		FROM (
			SELECT `+pendingColumns+`
			FROM postrider.queue d
			WHERE d.tenant = $1
			AND d.delivery = $2
			UNION ALL
			SELECT `+endedColumns+`
			FROM postrider.deliveries d
			WHERE d.tenant = $1
			AND d.id = $2) d
		LEFT JOIN postrider.events e ON e.tenant = $1 AND e.id = d.event`, []any{tenant, id}, func(r row) error {
		found = true
		return scanDelivery(r, &d)
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("read delivery: %w", classify(err))
	}
	return d, nil
}

// clockSlack is how far the time in a delivery's id may be from its time of
// creation, and from its event's. A range of times is read as a range of ids
// that is wider by it.
const clockSlack = time.Hour

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	query, args := listDeliveries(tenant, filter, page)
	var list []webhook.Delivery
	err := s.query(ctx, query, args, func(r row) error {
		d := webhook.Delivery{Tenant: tenant}
		err := scanDelivery(r, &d)
		list = append(list, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", classify(err))
	}
	return list, nil
}

// listDeliveries returns the query of a list: a page of what is pending and a page
// of what has ended, where the filter asks for both, make a page of all.
func listDeliveries(tenant string, filter store.DeliveryFilter, page store.Page) (string, []any) {
	args := []any{tenant, page.Size()}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	below, above, direction := page.After, "", " DESC"
	if page.Oldest {
		below, above, direction = "", page.After, ""
	}
	if below == "" {
		below = "~" // greater than any id: prefixes are letters
	}
	if !filter.To.IsZero() {
		below = min(below, webhook.PrefixDelivery.Floor(filter.To.Add(clockSlack)))
	}
	conditions := []string{`d.tenant = $1`, `d.id < ` + arg(below)}
	if filter.Endpoint != "" {
		conditions = append(conditions, `d.endpoint = `+arg(filter.Endpoint))
	}
	if above != "" {
		conditions = append(conditions, `d.id > `+arg(above))
		above = ""
	}
	if filter.Event != "" {
		conditions = append(conditions, `d.event = `+arg(filter.Event))
		if at, ok := webhook.PrefixEvent.IDTime(filter.Event); ok {
			above = webhook.PrefixDelivery.Floor(at.Add(-clockSlack))
			conditions = append(conditions, `d.id < `+arg(webhook.PrefixDelivery.Floor(at.Add(clockSlack))))
		}
	}
	if !filter.From.IsZero() {
		above = max(above, webhook.PrefixDelivery.Floor(filter.From.Add(-clockSlack)))
		conditions = append(conditions, `d.created_at >= `+arg(filter.From.UnixMicro()))
	}
	if above != "" {
		conditions = append(conditions, `d.id >= `+arg(above))
	}
	if !filter.To.IsZero() {
		conditions = append(conditions, `d.created_at < `+arg(filter.To.UnixMicro()))
	}
	var parts []string
	if filter.Status == "" || filter.Status == webhook.DeliveryPending {
		where := strings.ReplaceAll(strings.Join(conditions, " AND "), "d.id", "d.delivery")
		parts = append(parts, `
			(SELECT `+pendingColumns+`
			FROM postrider.queue d
			WHERE `+where+`
			ORDER BY d.delivery`+direction+`
			LIMIT $2)`)
	}
	if filter.Status != webhook.DeliveryPending {
		ended := slices.Clone(conditions)
		if filter.Status != "" {
			ended = append(ended, statusCondition(filter.Status))
		}
		parts = append(parts, `
			(SELECT `+endedColumns+`
			FROM postrider.deliveries d
			WHERE `+strings.Join(ended, " AND ")+`
			ORDER BY d.id`+direction+`
			LIMIT $2)`)
	}
	return `
		SELECT ` + allColumns + `
		FROM (` + strings.Join(parts, `
			UNION ALL`) + `) d
		LEFT JOIN postrider.events e ON e.tenant = $1 AND e.id = d.event
		ORDER BY d.id` + direction + `
		LIMIT $2`, args
}

// statusCondition names the status in the text. The index of the rarer ones is
// only used where the text has the very condition of the index.
func statusCondition(status webhook.DeliveryStatus) string {
	switch status {
	case webhook.DeliveryDelivered:
		return `d.status = 'delivered'`
	case webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped:
		return `d.status <> 'delivered' AND d.status = '` + string(status) + `'`
	case webhook.DeliveryPending:
	}
	return `false` // there is no such status here
}
