package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deliveryColumns are what scanDelivery reads, of a delivery d with its event e.
const deliveryColumns = `d.id, d.event, d.endpoint, e.type, d.status, d.reason, d.attempts, d.next_at, d.created_at, d.updated_at,
	d.prio, d.okey, d.batch`

func scanDelivery(r Row, d *webhook.Delivery) error {
	var rank int
	var okey string
	err := r.Scan(&d.ID, &d.EventID, &d.EndpointID, &d.EventType, (*string)(&d.Status), (*string)(&d.Reason),
		&d.Attempts, &d.NextAttemptAt, &d.CreatedAt, &d.UpdatedAt, &rank, &okey, &d.BatchID)
	d.Priority = webhook.PriorityOf(rank)
	d.Ordered, d.OrderingKey = ParseOrderKey(okey)
	return err
}

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	d := webhook.Delivery{Tenant: tenant}
	found := false
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT `+deliveryColumns+`
			FROM postrider_deliveries d
			LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
			WHERE d.tenant = ?
			AND d.id = ?`, []any{tenant, id}, func(r Row) error {
			found = true
			return scanDelivery(r, &d)
		})
	})
	switch {
	case err != nil:
		return webhook.Delivery{}, fmt.Errorf("read delivery: %w", err)
	case !found:
		return webhook.Delivery{}, fmt.Errorf("read delivery: %w", store.ErrNotFound)
	}
	return d, nil
}

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	var list []webhook.Delivery
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		list, err = s.readDeliveries(ctx, c, tenant, filter, page, deliveryRange{limit: page.Size()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// deliveryRange bounds a list beside its page.
type deliveryRange struct {
	// from is the least id, or "".
	from  string
	limit int
}

func (s *Store) readDeliveries(ctx context.Context, c Conn, tenant string, filter store.DeliveryFilter, page store.Page, within deliveryRange) (list []webhook.Delivery, err error) {
	query, args := s.listDeliveries(tenant, filter, page, within)
	err = c.Query(ctx, query, args, func(r Row) error {
		d := webhook.Delivery{Tenant: tenant}
		err := scanDelivery(r, &d)
		list = append(list, d)
		return err
	})
	return list, err
}

// clockSlack is how far the time in a delivery's id may be from its time of
// creation. A range of times is read as a range of ids that is wider by it.
const clockSlack = time.Hour

// listDeliveries returns the query of a list. The conditions come in a fixed
// order, so that there are few different texts.
func (s *Store) listDeliveries(tenant string, filter store.DeliveryFilter, page store.Page, within deliveryRange) (string, []any) {
	if filter.Status == webhook.DeliveryPending && filter.Event == "" {
		return s.listPending(tenant, filter, page, within)
	}
	where, args := conditions("d.id", tenant, filter, page, within)
	return `
		SELECT ` + deliveryColumns + `
		FROM postrider_deliveries d` + s.deliveryIndex(filter) + `
		LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
		WHERE d.tenant = ?` + where + `
		ORDER BY d.id` + direction(page) + `
		LIMIT ? + 0`, append(args, within.limit)
}

// listPending returns the query of a list of what is pending: a page of those that
// nobody has and a page of those that are leased, which are few. CROSS JOIN makes
// SQLite read the queue first, in its order.
func (s *Store) listPending(tenant string, filter store.DeliveryFilter, page store.Page, within deliveryRange) (string, []any) {
	filter.Status = "" // the queue has no others
	where, args := conditions("q.delivery", tenant, filter, page, within)
	part := func(index, owners string) string {
		return `
			SELECT *
			FROM (
				SELECT ` + deliveryColumns + `
				FROM postrider_queue q` + index + `
				CROSS JOIN postrider_deliveries d ON d.tenant = q.tenant AND d.id = q.delivery
				LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
				WHERE ` + owners + `
				AND q.tenant = ?` + where + `
				ORDER BY q.delivery` + direction(page) + `
				LIMIT ? + 0)`
	}
	args = append(args, within.limit)
	return part(s.index("postrider_queue_tenant"), "q.owner = 0") + `
			UNION ALL` + part("", "q.owner > 0") + `
		ORDER BY 1` + direction(page) + `
		LIMIT ? + 0`, append(slices.Concat(args, args), within.limit)
}

// direction is the order of a page of ids.
func direction(page store.Page) string {
	if page.Oldest {
		return ""
	}
	return " DESC"
}

// conditions returns what a filter and a page ask for, with the tenant first in
// the arguments.
func conditions(id, tenant string, filter store.DeliveryFilter, page store.Page, within deliveryRange) (string, []any) {
	var b strings.Builder
	args := []any{tenant}
	where := func(condition string, more ...any) {
		b.WriteString("\n\t\tAND " + condition)
		args = append(args, more...)
	}
	below := idsBelow(filter, page)
	if page.Oldest {
		where(id+` > ?`, page.After)
		below = idsBelow(filter, store.Page{})
	}
	where(id+` < ?`, below)
	if filter.Endpoint != "" {
		where(`d.endpoint = ?`, filter.Endpoint)
	}
	if filter.Event != "" {
		where(`d.event = ?`, filter.Event)
	}
	if filter.Status != "" {
		b.WriteString("\n\t\tAND " + statusCondition(filter.Status))
	}
	if from := max(within.from, idsFrom(filter)); from != "" {
		where(id+` >= ?`, from)
	}
	if !filter.From.IsZero() {
		where(`d.created_at >= ?`, filter.From.UnixMicro())
	}
	if !filter.To.IsZero() {
		where(`d.created_at < ?`, filter.To.UnixMicro())
	}
	// Not a condition that makes the outer join an inner one, which could be turned round.
	if filter.EventType != "" {
		where(`coalesce(e.type, '') = ?`, filter.EventType)
	}
	if filter.TypePrefix != "" {
		where(`substr(coalesce(e.type, ''), 1, ?) = ?`, len(filter.TypePrefix), filter.TypePrefix)
	}
	return b.String(), args
}

// idsBelow returns what the ids of a page are smaller than, and idsFrom the least that
// they can be, or "".
func idsBelow(filter store.DeliveryFilter, page store.Page) string {
	below := before(page)
	if !filter.To.IsZero() {
		below = min(below, webhook.PrefixDelivery.Floor(filter.To.Add(clockSlack)))
	}
	return below
}

func idsFrom(filter store.DeliveryFilter) string {
	if filter.From.IsZero() {
		return ""
	}
	return webhook.PrefixDelivery.Floor(filter.From.Add(-clockSlack))
}

// deliveryIndex says which index leads to the deliveries of a list; none is the
// primary key.
func (s *Store) deliveryIndex(f store.DeliveryFilter) string {
	switch {
	case f.Event != "":
		return s.index("postrider_deliveries_event")
	case rare(f.Status) && f.Endpoint != "":
		return s.index("postrider_deliveries_rare_endpoint")
	case rare(f.Status):
		return s.index("postrider_deliveries_rare")
	case f.Endpoint != "":
		return s.index("postrider_deliveries_endpoint")
	}
	return ""
}

// rare reports whether a status is one that the indexes of the rare ends have.
func rare(status webhook.DeliveryStatus) bool {
	return status != "" && status != webhook.DeliveryDelivered && status != webhook.DeliveryPending
}

// statusCondition names the status in the text. The index of the rare ends is only
// used where the text has the very condition of the index.
func statusCondition(status webhook.DeliveryStatus) string {
	switch status {
	case webhook.DeliveryDelivered:
		return `d.status = 'delivered'`
	case webhook.DeliveryPending:
		return `d.status = 'pending'`
	case webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped:
		return `d.status NOT IN ('delivered', 'pending') AND d.status = '` + string(status) + `'`
	}
	return `d.status NOT IN ('delivered', 'pending') AND d.status = ''` // there is no such status
}
