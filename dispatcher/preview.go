package dispatcher

import (
	"context"
	"encoding/json"

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

// PreviewRedacted is Preview of an event whose data people only get to see as Redact
// shows it: what is redacted is hidden in what would be sent, too. Where that cannot be
// transformed, all of the data is hidden.
func (d *Dispatcher) PreviewRedacted(ctx context.Context, ep webhook.Endpoint, ev webhook.Event) (Match, send.Preview, error) {
	match, sent, err := d.Preview(ctx, ep, ev)
	if err != nil || sent.Class != webhook.ClassNone || !d.Redacts(ctx, ev.Type) {
		return match, sent, err
	}
	ev.Data = d.Redact(ctx, ev.Type, ev.Data)
	_, shown, err := d.Preview(ctx, ep, ev)
	if err != nil || shown.Class == webhook.ClassNone {
		return match, shown, err
	}
	ep.Transform, ep.Anonymize = "", nil
	ev.Data = json.RawMessage(`"***"`)
	_, shown, err = d.Preview(ctx, ep, ev)
	return match, shown, err
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
