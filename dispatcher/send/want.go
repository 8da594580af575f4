package send

import (
	"context"

	"github.com/postrider/postrider/webhook"
)

// Wants asks an endpoint's filter about an event, if it has one. An error says that it
// could not be asked.
func (s *Sender) Wants(ctx context.Context, r *Route, msg *Message) (bool, error) {
	if r.Endpoint.Filter == "" || webhook.Reserved(msg.eventType) {
		return true, nil
	}
	f, err := s.expressions.Filter(r.Endpoint.Filter)
	if err != nil {
		return false, err
	}
	return f.Match(ctx, s.expressions.Decode(&webhook.Event{ID: msg.id, Type: msg.eventType, Data: msg.Data(), Metadata: msg.metadata}))
}
