package webhooktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// RequirePublished returns the events that are meant, newest first. It fails the test
// if there are more or fewer than Want.Count, and lists what there is instead. It does
// not wait; and it does not see what a transaction has not committed, for which there
// is RequirePublishedTx.
func RequirePublished(t testing.TB, d *dispatcher.Dispatcher, want Want) []webhook.Event {
	t.Helper()
	events, err := Published(t.Context(), d, want)
	if err != nil {
		t.Fatalf("webhooktest: %v", err)
	}
	return events
}

// RequirePublishedTx is RequirePublished in the host's own transaction, before it is
// committed: tx is as for Dispatcher.PublishTx. So the code under test can be given a
// transaction, and the test can roll it back.
func RequirePublishedTx(t testing.TB, d *dispatcher.Dispatcher, tx store.Tx, want Want) []webhook.Event {
	t.Helper()
	events, err := PublishedTx(t.Context(), d, tx, want)
	if err != nil {
		t.Fatalf("webhooktest: %v", err)
	}
	return events
}

// RequireNotPublished fails the test if there are events that are meant, whatever
// Want.Count says.
func RequireNotPublished(t testing.TB, d *dispatcher.Dispatcher, want Want) {
	t.Helper()
	want.Count = -1
	RequirePublished(t, d, want)
}

// RequireNotPublishedTx is RequireNotPublished in the host's own transaction.
func RequireNotPublishedTx(t testing.TB, d *dispatcher.Dispatcher, tx store.Tx, want Want) {
	t.Helper()
	want.Count = -1
	RequirePublishedTx(t, d, tx, want)
}

// Published is RequirePublished for those who fail in their own way: the error says
// what is there instead, and the events that are meant are returned beside it. Other
// errors are the store's.
func Published(ctx context.Context, d *dispatcher.Dispatcher, want Want) ([]webhook.Event, error) {
	return published(ctx, d, want, func(page store.Page) ([]webhook.Event, error) {
		found, err := d.Store().ListEvents(ctx, want.Tenant, page)
		for i := range found {
			if err == nil {
				found[i], err = d.Store().Event(ctx, want.Tenant, found[i].ID)
			}
		}
		return found, err
	})
}

// PublishedTx is Published in the host's own transaction.
func PublishedTx(ctx context.Context, d *dispatcher.Dispatcher, tx store.Tx, want Want) ([]webhook.Event, error) {
	return published(ctx, d, want, func(page store.Page) ([]webhook.Event, error) {
		return d.EventsTx(ctx, tx, want.Tenant, page)
	})
}

const (
	// pageSize bounds the payloads in memory at a time: 25 MiB at the default
	// MaxPayload.
	pageSize = 100
	// maxListed is how many events a failure shows, which is about a screen.
	maxListed = 20
	// maxShown is how much of a payload a failure shows, in bytes: two lines.
	maxShown = 200
)

// published finds events in pages, newest first, of which it looks at store.MaxPage.
func published(ctx context.Context, d *dispatcher.Dispatcher, want Want, read func(store.Page) ([]webhook.Event, error)) ([]webhook.Event, error) {
	var meant []webhook.Event
	var seen []string
	looked := 0
	for page := (store.Page{Limit: pageSize}); looked < store.MaxPage; {
		events, err := read(page)
		if err != nil {
			return nil, fmt.Errorf("look for events of %v: %w", want, err)
		}
		for i := range events {
			unlike := want.unlike(&events[i])
			if unlike == "" {
				meant = append(meant, events[i])
			}
			if looked++; looked <= maxListed {
				seen = append(seen, describe(ctx, d, &events[i], unlike))
			}
		}
		if len(events) < pageSize {
			break
		}
		page.After = events[len(events)-1].ID
	}
	if len(meant) == want.count() {
		return meant, nil
	}
	return meant, errors.New(surprise(want, len(meant), looked, seen))
}

// surprise says that there are other events than were wanted.
func surprise(want Want, meant, looked int, seen []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events were published with %v; want %d", meant, want, want.count())
	switch {
	case looked == 0:
		b.WriteString(". The tenant has no events at all; those of a transaction are seen in it alone until it commits.")
		return b.String()
	case looked > len(seen):
		fmt.Fprintf(&b, ". The newest %d of %d events of the tenant:", len(seen), looked)
	default:
		b.WriteString(". The tenant's events, newest first:")
	}
	b.WriteString(list(seen))
	return b.String()
}

// describe shows an event in a line, and what is unlike in it. What is redacted in its
// type is so here.
func describe(ctx context.Context, d *dispatcher.Dispatcher, ev *webhook.Event, unlike string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", ev.ID, ev.Type)
	if ev.Subject != "" {
		fmt.Fprintf(&b, " about %q", ev.Subject)
	}
	if ev.IdempotencyKey != "" {
		fmt.Fprintf(&b, " with key %q", ev.IdempotencyKey)
	}
	// The types may have to be read, and the transaction may have the pool's only
	// connection: those that are known will do then.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	data := string(d.Redact(ctx, ev.Type, ev.Data))
	if len(data) > maxShown {
		data = strings.ToValidUTF8(data[:maxShown], "") + "…"
	}
	fmt.Fprintf(&b, ": %s", data)
	if unlike == "" {
		return b.String() + " (meant)"
	}
	return b.String() + " (" + unlike + ")"
}
