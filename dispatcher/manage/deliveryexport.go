package manage

import (
	"context"
	"iter"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deliveryPage is how many deliveries of an export are read, and held, together: some 200
// KiB.
const deliveryPage = 500

// ExportDeliveries returns all of a tenant's deliveries that a query leaves, newest first,
// however many there are: it holds one page of them. What comes or goes meanwhile may be
// among them or not. An error, which is one of FindDeliveries, comes last, with no delivery.
func (m *Manager) ExportDeliveries(ctx context.Context, tenant string, q DeliveryQuery) iter.Seq2[webhook.Delivery, error] {
	return func(yield func(webhook.Delivery, error) bool) {
		for page := (store.Page{Limit: deliveryPage}); ; {
			found, err := m.FindDeliveries(ctx, tenant, q, page)
			if err != nil {
				yield(webhook.Delivery{}, err)
				return
			}
			for i := range found.Items {
				if !yield(found.Items[i], nil) {
					return
				}
			}
			if page.After = found.Next; page.After == "" {
				return
			}
		}
	}
}
