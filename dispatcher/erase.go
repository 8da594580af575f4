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
	// eraseBite is how many events are erased before other jobs have their turn.
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
	e.next = e.lookUp
	return e
}

// erasure erases what is kept about a subject. It can begin anew at any time: what was
// canceled stays so, and what is gone is not looked at again.
type erasure struct {
	d               *Dispatcher
	tenant, subject string
	// next is what the next bite does.
	next func(context.Context) (store.Erased, error)
	// after is the last event of page, whose deliveries are canceled.
	after string
	page  *subjectPage
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

// lookUp finds the next events of the subject, for cancel.
func (e *erasure) lookUp(ctx context.Context) (store.Erased, error) {
	page, err := e.d.store.SubjectEvents(ctx, e.tenant, e.subject, store.Page{After: e.after, Limit: store.MaxPage, Oldest: true})
	switch {
	case err != nil:
	case len(page) > 0:
		e.next, e.after, e.page = e.cancel, page[len(page)-1].ID, newSubjectPage(page)
	default:
		e.next, e.until = e.awaitEnds, clock.Now().Add(eraseGrace)
	}
	return more, err
}

// subjectPage are events of a subject, and what may be pending of them.
type subjectPage struct {
	ids     map[string]bool
	pending store.DeliveryFilter
	// after is the delivery that was looked at last.
	after string
}

// eraseSlack is how far the clocks by which an event and its deliveries have their times
// may be apart: that of the stores' own lists.
const eraseSlack = time.Hour

// newSubjectPage takes events in the order of their ids.
func newSubjectPage(events []webhook.Event) *subjectPage {
	p := &subjectPage{ids: make(map[string]bool, len(events)), pending: store.DeliveryFilter{Status: webhook.DeliveryPending}}
	for i := range events {
		p.ids[events[i].ID] = true
	}
	if first, ok := webhook.PrefixEvent.IDTime(events[0].ID); ok {
		p.pending.From = first.Add(-eraseSlack)
	}
	if last, ok := webhook.PrefixEvent.IDTime(events[len(events)-1].ID); ok {
		p.pending.To = last.Add(eraseSlack)
	}
	return p
}

// cancel cancels what is pending about the events of the page. It reads what the tenant
// has pending of their time, rather than the deliveries of one event after the other:
// most have none that are pending. Members of a batch that was sent before go with it, or
// are erased out of it.
func (e *erasure) cancel(ctx context.Context) (store.Erased, error) {
	page, err := e.d.store.ListDeliveries(ctx, e.tenant, e.page.pending, store.Page{After: e.page.after, Limit: store.MaxPage, Oldest: true})
	if err != nil {
		return more, err
	}
	var pending []string
	for i := range page {
		if e.page.ids[page[i].EventID] {
			pending = append(pending, page[i].ID)
		}
	}
	if len(pending) > 0 {
		if err := e.cancelSome(ctx, pending); err != nil {
			return more, err
		}
	}
	if len(page) < store.MaxPage {
		e.next = e.lookUp
		return more, nil
	}
	e.page.after = page[len(page)-1].ID
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
