package manage

import (
	"context"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Event returns an event with its payload, of which Hidden stands for what is
// redacted (see webhook.EventType); Data is nil once the payload's retention has
// ended. The error is store.ErrNotFound.
func (m *Manager) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	if err := known(webhook.PrefixEvent, tenant, id); err != nil {
		return webhook.Event{}, err
	}
	ev, err := m.store.Event(ctx, tenant, id)
	ev.Data = m.d.Redact(ctx, ev.Type, ev.Data)
	return ev, err
}

// Events returns a page of a tenant's events without payloads, newest first. The
// error is a *webhook.InvalidError if page.After is not an event's id.
func (m *Manager) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if err := checkPage(webhook.PrefixEvent, page); err != nil {
		return nil, err
	}
	if !validTenant(tenant) {
		return nil, nil
	}
	return m.store.ListEvents(ctx, tenant, page)
}
