package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// eraseBatch is how many events are erased, or looked at, together.
	eraseBatch = 1000
	// eraseGrace is how long Erase waits for deliveries that processes have in
	// hand: they hear within 10 seconds that they are canceled, and an attempt ends
	// within 15 by default. What takes longer, or belongs to a process that is
	// gone, is erased all the same.
	eraseGrace = 30 * time.Second
	eraseLook  = time.Second
)

// Erase removes everything that is kept of a tenant's events about a subject. First
// all of its deliveries that have not gone out are canceled, and those that processes
// have in hand are waited for, at most 30 seconds; an attempt that is still under way
// then may reach its receiver, but its outcome is not recorded. What is published
// about the subject while Erase runs may be left; if payloads are sealed, what another
// process publishes within 10 seconds after it may be unreadable, and is canceled as
// if its payload had expired. The audit log says that a subject was
// erased, and not which.
//
// It returns how much was removed, also with an error: what is erased is gone, and
// Erase can be repeated for the rest. Nothing to erase is not an error. Errors are a
// *webhook.InvalidError for no subject, and the store's.
func (d *Dispatcher) Erase(ctx context.Context, tenant, subject string) (store.Erased, error) {
	if subject == "" {
		return store.Erased{}, webhook.Invalid("subject", webhook.CodeInvalidField, "Must not be empty.")
	}
	e := erasure{d: d, tenant: tenant, subject: subject}
	r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionSubjectErased, Resource: "subject"})
	if err == nil {
		e.audit = []webhook.AuditRecord{r}
		err = e.cancel(ctx)
	}
	if err == nil {
		err = e.awaitEnds(ctx)
	}
	var done store.Erased
	for more := true; more && err == nil; {
		var part store.Erased
		part, err = d.store.EraseSubject(ctx, clock.Now(), tenant, subject, eraseBatch, e.audit...)
		if done.Add(part); part.Events > 0 {
			e.audit = nil
		}
		more = part.More
	}
	if err == nil {
		done.SubjectKeys, err = d.vault.Forget(ctx, tenant, subject)
	}
	if err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	return done, nil
}

// erasure is a call of Erase.
type erasure struct {
	d               *Dispatcher
	tenant, subject string
	// audit is what the first change is to write.
	audit []webhook.AuditRecord
	// leased are the deliveries that processes have in hand.
	leased []string
}

// cancel cancels what is pending about the subject. Members of a batch that was sent
// before go with it, or are erased out of it.
func (e *erasure) cancel(ctx context.Context) error {
	for after := ""; ; {
		page, err := e.d.store.SubjectEvents(ctx, e.tenant, e.subject, store.Page{After: after, Limit: eraseBatch, Oldest: true})
		if err != nil {
			return err
		}
		for i := range page {
			if err := e.d.eachPending(ctx, e.tenant, page[i].ID, func(pending []string) error { return e.cancelSome(ctx, pending) }); err != nil {
				return err
			}
		}
		if len(page) < eraseBatch {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

func (e *erasure) cancelSome(ctx context.Context, pending []string) error {
	answers, err := e.d.cancel(ctx, e.tenant, pending, e.audit...)
	for _, a := range answers {
		switch a.Outcome {
		case webhook.CancelRequested:
			e.leased = append(e.leased, a.DeliveryID)
			e.audit = nil
		case webhook.CancelDone:
			e.audit = nil
		case webhook.CancelEnded, webhook.CancelBound:
		}
	}
	return err
}

// awaitEnds waits until what was leased has ended, or for eraseGrace.
func (e *erasure) awaitEnds(ctx context.Context) error {
	look := time.NewTicker(eraseLook)
	defer look.Stop()
	for until := clock.Now().Add(eraseGrace); len(e.leased) > 0 && clock.Now().Before(until); {
		dlv, err := e.d.store.Delivery(ctx, e.tenant, e.leased[0])
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && dlv.Status != webhook.DeliveryPending:
			e.leased = e.leased[1:]
			continue
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}
