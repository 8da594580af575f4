package dispatcher

import (
	"context"
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Source publishes for one part of a host. It comes from Dispatcher.For and is
// safe for concurrent use.
type Source struct {
	d    *Dispatcher
	name string
}

// For returns what publishes with a source, such as "billing", in every event,
// whatever the event says. Endpoints may subscribe to some sources only.
func (d *Dispatcher) For(source string) *Source { return &Source{d, source} }

// Publish is Dispatcher.Publish for an event of this source.
func (s *Source) Publish(ctx context.Context, ev webhook.Event) (webhook.Receipt, error) {
	ev.Source = s.name
	return s.d.Publish(ctx, ev)
}

// PublishMany is Dispatcher.PublishMany for events of this source.
func (s *Source) PublishMany(ctx context.Context, events []webhook.Event) []Published {
	events = slices.Clone(events)
	for i := range events {
		events[i].Source = s.name
	}
	return s.d.PublishMany(ctx, events)
}

// PublishTx is Dispatcher.PublishTx for an event of this source.
func (s *Source) PublishTx(ctx context.Context, tx store.Tx, ev webhook.Event) (webhook.Receipt, error) {
	ev.Source = s.name
	return s.d.PublishTx(ctx, tx, ev)
}
