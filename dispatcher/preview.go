package dispatcher

import (
	"context"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/webhook"
)

// Match is what decides whether an endpoint gets an event.
type Match int

// The answers of Preview, in the order in which they are found out.
const (
	Matched Match = iota
	OtherType
	OtherSource
	OtherChannels
	Filtered
	FilterFails
)

// Preview tells whether an endpoint, which need not be stored, would get an event, by
// what that is decided, and what would be sent if it did. It is for those who build on
// a dispatcher. The error is a *webhook.InvalidError about the event.
func (d *Dispatcher) Preview(ctx context.Context, ep webhook.Endpoint, ev webhook.Event) (Match, send.Preview, error) {
	ev.Tenant = ep.Tenant
	p, err := d.newPublication(ev)
	if err != nil {
		return 0, send.Preview{}, err
	}
	preview, err := d.sender.Preview(ctx, ep, &p.Event)
	return d.matches(ctx, &ep, &p.Event), preview, err
}

func (d *Dispatcher) matches(ctx context.Context, ep *webhook.Endpoint, ev *webhook.Event) Match {
	switch {
	case !webhook.MatchAny(ep.EventTypes, ev.Type):
		return OtherType
	case !ep.Matches(ev.Type, ev.Source):
		return OtherSource
	case !ep.InChannels(ev.Channels):
		return OtherChannels
	}
	switch want, err := d.sender.Asks(ctx, *ep, ev); {
	case err != nil:
		return FilterFails
	case !want:
		return Filtered
	}
	return Matched
}
