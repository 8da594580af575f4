package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// History finds what was published, and what became of it, by what people look for.
// Whatever they look for costs little: what no index leads to is looked for in at most
// Page.Examined rows, and a page that has not found enough there is short, or empty, and
// says where to go on. Pages are newest first (Page.Oldest does not count).
type History interface {
	// FindEvents returns a page of a tenant's events without payloads.
	FindEvents(ctx context.Context, tenant string, filter EventFilter, page Page) (Found[webhook.Event], error)

	// FindDeliveries returns a page of a tenant's deliveries.
	FindDeliveries(ctx context.Context, tenant string, filter DeliveryFilter, page Page) (Found[webhook.Delivery], error)

	// EventsWithoutData returns events of a tenant without payloads, in no particular
	// order; unknown ones are left out.
	EventsWithoutData(ctx context.Context, tenant string, ids []string) ([]webhook.Event, error)

	// Outcomes counts the deliveries of events of a tenant, by event, all at the same
	// moment. Events without any are left out.
	Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error)
}

// Found is a page of what was looked for.
type Found[T any] struct {
	Items []T
	// Next is the Page.After of the next page, and "" at the end. A page may be short,
	// or empty, although there are more.
	Next string
}

// EventFilter narrows a list of events. Empty fields do not.
type EventFilter struct {
	// Type is an event type, and TypePrefix what it begins with.
	Type, TypePrefix string
	Subject, Source  string
	// From and To bound the time of publication, as it is in the id, to the
	// millisecond: From inclusive, To exclusive.
	From, To time.Time
}

// Passes reports whether an event passes the filter, its time aside.
func (f *EventFilter) Passes(ev *webhook.Event) bool {
	return passesType(ev.Type, f.Type, f.TypePrefix) && (f.Subject == "" || ev.Subject == f.Subject) && (f.Source == "" || ev.Source == f.Source)
}

// Direct reports whether an index leads to exactly what passes the filter.
func (f *EventFilter) Direct() bool { return f.Type == "" && f.TypePrefix == "" && f.Source == "" }

// IDs returns the range of the ids that a page of the filter is in: from inclusive, below
// exclusive.
func (f *EventFilter) IDs(page Page) (from, below string) {
	below = page.After
	if below == "" {
		below = "~" // greater than any id: prefixes are letters
	}
	if !f.To.IsZero() {
		below = min(below, webhook.PrefixEvent.Floor(f.To))
	}
	if !f.From.IsZero() {
		from = webhook.PrefixEvent.Floor(f.From)
	}
	return from, below
}
