package manage

import (
	"context"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Erase removes everything that is kept of a tenant's events about a subject, of all
// time: the events and their payloads, deliveries, attempts with what receivers have
// answered, and idempotency keys. Deliveries that have not gone out are canceled
// first; see [dispatcher.Dispatcher.Erase] for those under way. Statistics stay: they
// count and name nobody. It returns how much was removed, by table, also with an
// error, after which it can be repeated for the rest.
//
// What a database has removed is still in its files, until they are written anew:
// SECURITY.md says how, and what backups and logs keep. Errors are a
// *webhook.InvalidError with the field subject, and the store's.
func (m *Manager) Erase(ctx context.Context, tenant, subject string) (store.Erased, error) {
	if err := checkSubject(subject); err != nil || !validTenant(tenant) {
		return store.Erased{}, err
	}
	return m.d.Erase(ctx, tenant, subject)
}

// checkSubject refuses what no event can have as its subject.
func checkSubject(subject string) error {
	if subject == "" {
		return webhook.Invalid("subject", webhook.CodeInvalidField, "Must not be empty.")
	}
	return webhook.Event{Type: "a", Data: []byte("1"), Subject: subject}.Validate()
}
