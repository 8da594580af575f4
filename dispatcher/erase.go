package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// eraseBite is how many events are erased, or looked at, before other jobs have
	// their turn.
	eraseBite = 100
	// eraseGrace is how long an erasure waits for deliveries that processes have in
	// hand: they hear within 10 seconds that they are canceled, and an attempt ends
	// within 15 by default. What takes longer, or belongs to a process that is
	// gone, is erased all the same.
	eraseGrace = 30 * time.Second
)

// StartErasure stores a job that erases all that is kept of a tenant's events about a
// subject, which begins at once if this process delivers. It is for those who build on
// a dispatcher.
func (d *Dispatcher) StartErasure(ctx context.Context, tenant string, e jobs.Erasure) (store.Job, error) {
	spec, err := e.Spec()
	if err != nil {
		return store.Job{}, fmt.Errorf("erase: %w", err)
	}
	return d.startJob(ctx, store.Job{Tenant: tenant, Kind: store.JobErase, Spec: spec}, webhook.AuditRecord{Action: webhook.ActionSubjectErased})
}

// eraser returns what erases a subject, for jobs.
func (d *Dispatcher) eraser(tenant, subject string) jobs.Eraser {
	e := &erasure{d: d, tenant: tenant, subject: subject}
	e.next = e.cancel
	return e
}

// erasure erases what is kept about a subject. It can begin anew at any time: what was
// canceled stays so, and what is gone is not looked at again.
type erasure struct {
	d               *Dispatcher
	tenant, subject string
	// next is what the next bite does.
	next func(context.Context) (store.Erased, error)
	// after is the event that was looked at last to cancel its deliveries.
	after string
	// leased are the deliveries that processes have in hand, waited for until a time.
	leased []string
	until  time.Time
}

// Bite implements jobs.Eraser.
func (e *erasure) Bite(ctx context.Context) (store.Erased, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return e.next(ctx)
}

// more is the answer of a bite that has erased nothing yet.
var more = store.Erased{More: true}

// cancel cancels what is pending about the subject. Members of a batch that was sent
// before go with it, or are erased out of it.
func (e *erasure) cancel(ctx context.Context) (store.Erased, error) {
	page, err := e.d.store.SubjectEvents(ctx, e.tenant, e.subject, store.Page{After: e.after, Limit: eraseBite, Oldest: true})
	if err != nil {
		return more, err
	}
	for i := range page {
		err := e.d.eachPending(ctx, e.tenant, page[i].ID, func(pending []string) error { return e.cancelSome(ctx, pending) })
		switch {
		case err != nil && i > 0: // it goes on where it has come to
			return more, nil //nolint:nilerr // the next bite meets the error again
		case err != nil:
			return more, err
		}
		e.after = page[i].ID
	}
	if len(page) < eraseBite {
		e.next, e.until = e.awaitEnds, clock.Now().Add(eraseGrace)
	}
	return more, nil
}

func (e *erasure) cancelSome(ctx context.Context, pending []string) error {
	answers, err := e.d.cancel(ctx, e.tenant, pending)
	for _, a := range answers {
		if a.Outcome == webhook.CancelRequested {
			e.leased = append(e.leased, a.DeliveryID)
		}
	}
	return err
}

// awaitEnds waits until what was leased has ended, or for eraseGrace.
func (e *erasure) awaitEnds(ctx context.Context) (store.Erased, error) {
	for len(e.leased) > 0 && clock.Now().Before(e.until) {
		dlv, err := e.d.store.Delivery(ctx, e.tenant, e.leased[0])
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && dlv.Status != webhook.DeliveryPending:
			e.leased = e.leased[1:]
		case err != nil:
			return more, err
		default:
			return more, jobs.ErrLater
		}
	}
	e.next = e.remove
	return more, nil
}

// remove removes events with all that belongs to them.
func (e *erasure) remove(ctx context.Context) (store.Erased, error) {
	done, err := e.d.store.EraseSubject(ctx, clock.Now(), e.tenant, e.subject, eraseBite)
	if err == nil && !done.More {
		e.next = e.forget
	}
	done.More = true
	return done, err
}

// forget removes the keys that payloads were sealed with.
func (e *erasure) forget(ctx context.Context) (done store.Erased, err error) {
	done.SubjectKeys, err = e.d.vault.Forget(ctx, e.tenant, e.subject)
	return done, err
}
