package postgres

import (
	"context"
	"fmt"
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
// creation. A range of times is read as a range of ids that is wider by it.
const clockSlack = time.Hour

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	list, err := s.readDeliveries(ctx, newDeliveryQuery(tenant, filter, page), page.Size(), "")
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", classify(err))
	}
	return list, nil
}

func (s *Store) readDeliveries(ctx context.Context, q *deliveryQuery, limit int, from string) (list []webhook.Delivery, err error) {
	query, args := q.text(limit, from)
	err = s.query(ctx, query, args, func(r row) error {
		d := webhook.Delivery{Tenant: q.tenant}
		err := scanDelivery(r, &d)
		list = append(list, d)
		return err
	})
	return list, err
}

// deliveryQuery makes the query of a list.
type deliveryQuery struct {
	tenant string
	filter store.DeliveryFilter
	args   []any
	// from and after are the least id, and what all are greater than; below is what
	// they are smaller than. "" is none.
	from, after, below string
	direction          string
}

func newDeliveryQuery(tenant string, filter store.DeliveryFilter, page store.Page) *deliveryQuery {
	q := &deliveryQuery{tenant: tenant, filter: filter, args: []any{tenant}, below: page.After, direction: " DESC"}
	if page.Oldest {
		q.below, q.after, q.direction = "", page.After, ""
	}
	if q.below == "" {
		q.below = "~" // greater than any id: prefixes are letters
	}
	if !filter.To.IsZero() {
		q.below = min(q.below, webhook.PrefixDelivery.Floor(filter.To.Add(clockSlack)))
	}
	if !filter.From.IsZero() {
		q.from = webhook.PrefixDelivery.Floor(filter.From.Add(-clockSlack))
	}
	return q
}

// arg adds an argument and returns how the text names it.
func (q *deliveryQuery) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", len(q.args))
}

// text returns the query: a page of what is pending and a page of what has ended, where
// the filter asks for both, make a page of all.
func (q *deliveryQuery) text(limit int, from string) (string, []any) {
	where, most := q.conditions(max(from, q.from)), q.arg(limit)
	var parts []string
	if q.filter.Status == "" || q.filter.Status == webhook.DeliveryPending {
		parts = append(parts, `
			(SELECT `+pendingColumns+`
			FROM postrider.queue d
			WHERE `+strings.ReplaceAll(where, "d.id", "d.delivery")+`
			ORDER BY d.delivery`+q.direction+`
			LIMIT `+most+`)`)
	}
	if q.filter.Status != webhook.DeliveryPending {
		if q.filter.Status != "" {
			where += " AND " + q.ended()
		}
		parts = append(parts, `
			(SELECT `+endedColumns+`
			FROM postrider.deliveries d
			WHERE `+where+`
			ORDER BY d.id`+q.direction+`
			LIMIT `+most+`)`)
	}
	return `
		SELECT ` + allColumns + `
		FROM (` + strings.Join(parts, `
			UNION ALL`) + `) d
		LEFT JOIN postrider.events e ON e.tenant = $1 AND e.id = d.event
		ORDER BY d.id` + q.direction + `
		LIMIT ` + most, q.args
}

// conditions returns what is asked of all deliveries. What is asked of their events is
// in subqueries, which are not turned into joins.
func (q *deliveryQuery) conditions(from string) string {
	list := []string{`d.tenant = $1`, `d.id < ` + q.arg(q.below)}
	add := func(condition string, v any) { list = append(list, strings.ReplaceAll(condition, "?", q.arg(v))) }
	if q.filter.Endpoint != "" {
		add(`d.endpoint = ?`, q.filter.Endpoint)
	}
	if q.after != "" {
		add(`d.id > ?`, q.after)
	}
	if q.filter.Event != "" {
		const ofEvent = ` FROM postrider.events e WHERE e.tenant = $1 AND e.id = ?)`
		add(`d.event = ?
				AND d.id >= (SELECT e.first_delivery`+ofEvent+`
				AND d.id <= (SELECT coalesce(e.last_delivery, e.first_delivery)`+ofEvent, q.filter.Event)
	}
	if from != "" {
		add(`d.id >= ?`, from)
	}
	if !q.filter.From.IsZero() {
		add(`d.created_at >= ?`, q.filter.From.UnixMicro())
	}
	if !q.filter.To.IsZero() {
		add(`d.created_at < ?`, q.filter.To.UnixMicro())
	}
	const itsType = `(SELECT e.type FROM postrider.events e WHERE e.tenant = $1 AND e.id = d.event)`
	if q.filter.EventType != "" {
		add(itsType+` = ?`, q.filter.EventType)
	}
	if q.filter.TypePrefix != "" {
		add(`starts_with(`+itsType+`, ?)`, q.filter.TypePrefix)
	}
	return strings.Join(list, " AND ")
}

// ended names the status in the text. The indexes of the rarer ones are only used where
// the text has the very condition of the index: that of an endpoint, or that of all.
func (q *deliveryQuery) ended() string {
	switch status := q.filter.Status; status {
	case webhook.DeliveryDelivered:
		return `d.status = 'delivered'`
	case webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped:
		rare := `d.status <> 'delivered' AND d.status = '` + string(status) + `'`
		if q.filter.Endpoint == "" {
			rare += ` AND length(d.endpoint) > 0`
		}
		return rare
	case webhook.DeliveryPending:
	}
	return `false` // there is no such status here
}
