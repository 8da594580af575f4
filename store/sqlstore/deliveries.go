package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deliveryColumns are what scanDelivery reads, of a delivery d with its event e.
const deliveryColumns = `d.id, d.event, d.endpoint, e.type, d.status, d.reason, d.attempts, d.next_at, d.created_at, d.updated_at`

func scanDelivery(r Row, d *webhook.Delivery) error {
	return r.Scan(&d.ID, &d.EventID, &d.EndpointID, &d.EventType, (*string)(&d.Status), (*string)(&d.Reason),
		&d.Attempts, &d.NextAttemptAt, &d.CreatedAt, &d.UpdatedAt)
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
	query, args := s.listDeliveries(tenant, filter, page)
	var list []webhook.Delivery
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, query, args, func(r Row) error {
			d := webhook.Delivery{Tenant: tenant}
			err := scanDelivery(r, &d)
			list = append(list, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// clockSlack is how far the time in a delivery's id may be from its time of
// creation. A range of times is read as a range of ids that is wider by it.
const clockSlack = time.Hour

// listDeliveries returns the query of a list. The conditions come in a fixed
// order, so that there are few different texts.
func (s *Store) listDeliveries(tenant string, filter store.DeliveryFilter, page store.Page) (string, []any) {
	var b strings.Builder
	b.WriteString(`
		SELECT ` + deliveryColumns + `
		FROM postrider_deliveries d` + s.deliveryIndex(filter) + `
		LEFT JOIN postrider_events e ON e.tenant = d.tenant AND e.id = d.event
		WHERE d.tenant = ?
		AND d.id < ?`)
	below := before(page)
	if !filter.To.IsZero() {
		below = min(below, webhook.PrefixDelivery.Floor(filter.To.Add(clockSlack)))
	}
	args := []any{tenant, below}
	where := func(condition string, arg any) {
		b.WriteString("\n\t\tAND " + condition)
		args = append(args, arg)
	}
	if filter.Endpoint != "" {
		where(`d.endpoint = ?`, filter.Endpoint)
	}
	if filter.Event != "" {
		where(`d.event = ?`, filter.Event)
	}
	if filter.Status != "" {
		b.WriteString("\n\t\tAND " + statusCondition(filter.Status))
	}
	if !filter.From.IsZero() {
		where(`d.id >= ?`, webhook.PrefixDelivery.Floor(filter.From.Add(-clockSlack)))
		where(`d.created_at >= ?`, filter.From.UnixMicro())
	}
	if !filter.To.IsZero() {
		where(`d.created_at < ?`, filter.To.UnixMicro())
	}
	b.WriteString(`
		ORDER BY d.id DESC
		LIMIT ?`)
	return b.String(), append(args, page.Size())
}

// deliveryIndex says which index leads to the deliveries of a list; none is the
// primary key.
func (s *Store) deliveryIndex(f store.DeliveryFilter) string {
	switch {
	case f.Event != "":
		return s.index("postrider_deliveries_event")
	case f.Status != "" && f.Status != webhook.DeliveryDelivered:
		return s.index("postrider_deliveries_rare")
	case f.Endpoint != "":
		return s.index("postrider_deliveries_endpoint")
	}
	return ""
}

// statusCondition names the status in the text. The index of the rarer ones is
// only used where the text has the very condition of the index.
func statusCondition(status webhook.DeliveryStatus) string {
	switch status {
	case webhook.DeliveryDelivered:
		return `d.status = 'delivered'`
	case webhook.DeliveryPending, webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped:
		return `d.status <> 'delivered' AND d.status = '` + string(status) + `'`
	}
	return `d.status <> 'delivered' AND d.status = ''` // there is no such status
}
