package webhooktest

import (
	"context"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// lead is how long before an attempt is due the dispatcher runs again. It polls at
	// least every second, and has read all that it needs by then.
	lead = 5 * time.Second
	// step is the most time that passes before pending deliveries are looked at again:
	// the longest wait of a circuit breaker.
	step = 5 * time.Minute
	// stuck is how long nothing may happen to deliveries that are due. A breaker asks
	// every five minutes, and a recovery ends after ten.
	stuck = time.Hour
)

// Finish lets the time of a synctest bubble pass until no delivery is pending: the
// whole schedule of retries, days of it, in milliseconds. The dispatcher rests while
// nothing is due, and runs on afterwards. It fails the test outside of a bubble, where
// it would really take days, and if a delivery is due and is not sent for an hour, since
// its endpoint is paused, for example; then it says why.
func (h *Harness) Finish() {
	h.t.Helper()
	if !inBubble(h.t) {
		h.t.Fatal("webhooktest: Finish outside of a synctest bubble would take as long as the retries do")
	}
	moved, before, wait := time.Now(), progress{}, time.Second
	for {
		synctest.Wait()
		now, err := h.progress()
		if err != nil {
			h.t.Fatalf("webhooktest: look for pending deliveries: %v", err)
		}
		switch {
		case now.pending == 0:
			return
		case now != before:
			moved, before, wait = time.Now(), now, time.Second
		case time.Since(moved) > stuck && time.Since(now.next) > stuck:
			h.t.Fatalf("webhooktest: nothing has happened to %d pending deliveries for an hour: %s", now.pending, h.why(now.first))
		}
		if rest := time.Until(now.next) - lead; rest > 0 {
			h.stop()
			time.Sleep(rest)
			h.run()
			continue
		}
		time.Sleep(wait)
		wait = min(2*wait, step)
	}
}

// progress is what has become of all deliveries that are pending.
type progress struct {
	pending, attempts int
	// first is the one that is due next, and next when.
	first key
	next  time.Time
}

// key names a delivery.
type key struct{ tenant, id string }

// progress looks at all tenants' deliveries.
func (h *Harness) progress() (p progress, err error) {
	for cursor := ""; ; {
		tenants, next, err := h.Store.Tenants(h.t.Context(), cursor, store.MaxPage)
		if err != nil {
			return p, err
		}
		for _, tenant := range tenants {
			if err := p.add(h.t.Context(), h.Store, tenant); err != nil {
				return p, err
			}
		}
		if cursor = next; len(tenants) < store.MaxPage {
			return p, nil
		}
	}
}

// add adds the pending deliveries of a tenant.
func (p *progress) add(ctx context.Context, st store.Store, tenant string) error {
	pending := store.DeliveryFilter{Status: webhook.DeliveryPending}
	for page := (store.Page{Limit: store.MaxPage}); ; {
		list, err := st.ListDeliveries(ctx, tenant, pending, page)
		if err != nil {
			return err
		}
		for _, d := range list {
			if p.pending == 0 || d.NextAttemptAt.Before(p.next) {
				p.first, p.next = key{tenant, d.ID}, d.NextAttemptAt
			}
			p.pending++
			p.attempts += d.Attempts
			page.After = d.ID
		}
		if len(list) < store.MaxPage {
			return nil
		}
	}
}

// why says why a delivery is where it is.
func (h *Harness) why(k key) string {
	why, err := h.Manage.Why(h.t.Context(), k.tenant, k.id)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s", k.id, why)
}
