package vault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Wrap returns a store that keeps what is in st sealed, and shows it open. It has a
// clock, and announces, if st does.
func (v *Vault) Wrap(st store.Store) store.Store {
	s := &sealed{Store: st, vault: v}
	clocked, hasClock := st.(store.Clocked)
	announcing, announces := st.(store.Announcing)
	switch {
	case hasClock && announces:
		return struct {
			*sealed
			store.Clocked
			store.Announcing
		}{s, clocked, announcing}
	case hasClock:
		return struct {
			*sealed
			store.Clocked
		}{s, clocked}
	case announces:
		return struct {
			*sealed
			store.Announcing
		}{s, announcing}
	}
	return s
}

// WrapTx is Wrap for a transaction of the host.
func (v *Vault) WrapTx(tx store.Tx) store.Tx { return &sealedTx{Tx: tx, vault: v} }

// sealed is a store whose payloads and answers are sealed.
type sealed struct {
	store.Store
	vault *Vault
}

// sealedTx is a transaction of the host.
type sealedTx struct {
	store.Tx
	vault *Vault
}

// Publish implements store.Tx. Keys that are new are added where the host's
// transaction is not in the way.
func (t *sealedTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if !t.vault.cfg.Seals {
		return t.Tx.Publish(ctx, now, pubs)
	}
	in, undone := t.keys()
	pubs, err := t.vault.sealPayloads(ctx, in, undone, pubs)
	if err != nil {
		return nil, err
	}
	return t.Tx.Publish(ctx, now, pubs)
}

// Events implements store.Tx.
func (t *sealedTx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	events, err := t.Tx.Events(ctx, tenant, page)
	if err != nil {
		return nil, err
	}
	in, undone := t.keys()
	return events, t.vault.openPayloads(ctx, in, undone, events)
}

// keys returns where keys are, and whether they may be gone after a rollback.
func (t *sealedTx) keys() (in adder, undone bool) {
	if t.vault.cfg.Apart {
		return t.vault.cfg.Keys, false
	}
	return t.Tx.Reserver()
}

// Publish implements store.Publishing.
func (s *sealed) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if s.vault.cfg.Seals {
		var err error
		if pubs, err = s.vault.sealPayloads(ctx, s.vault.cfg.Keys, false, pubs); err != nil {
			return nil, errUnavailable(err)
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}

// sealPayloads returns publications with sealed payloads. The caller's stay as they
// are.
func (v *Vault) sealPayloads(ctx context.Context, in adder, undone bool, pubs []store.Publication) ([]store.Publication, error) {
	period := periodOf(clock.Now())
	names := make([]store.SubjectKeyName, len(pubs))
	for i := range pubs {
		names[i] = store.SubjectKeyName{Tenant: pubs[i].Event.Tenant, Subject: pubs[i].Event.Subject, Period: period}
	}
	keys, err := v.toSeal(ctx, in, undone, names)
	if err != nil {
		return nil, fmt.Errorf("seal payloads: %w", err)
	}
	pubs = slices.Clone(pubs)
	for i := range pubs {
		ev := &pubs[i].Event
		if ev.Data, err = sealWith(ctx, keys[names[i]], period, ev.Data, payloadPlace(ev)); err != nil {
			return nil, fmt.Errorf("seal payloads: %w", err)
		}
	}
	return pubs, nil
}

func payloadPlace(ev *webhook.Event) seal.AssociatedData {
	return seal.AssociatedData{Tenant: ev.Tenant, ID: ev.ID, Field: fieldPayload}
}

// Event implements store.Events. A payload whose key is gone is like one whose
// retention has ended.
func (s *sealed) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	ev, err := s.Store.Event(ctx, tenant, id)
	if err != nil || !isSealed(ev.Data) {
		return ev, err
	}
	list := []webhook.Event{ev}
	err = s.vault.openPayloads(ctx, s.vault.cfg.Keys, false, list)
	return list[0], err
}

// EventsByKey implements store.Events.
func (s *sealed) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	events, err := s.Store.EventsByKey(ctx, keys)
	if err != nil {
		return nil, err
	}
	return events, s.vault.openPayloads(ctx, s.vault.cfg.Keys, false, events)
}

// openPayloads opens the payloads of events in their place.
func (v *Vault) openPayloads(ctx context.Context, in reader, undone bool, events []webhook.Event) error {
	var names []store.SubjectKeyName
	for i := range events {
		if ev := &events[i]; isSealed(ev.Data) {
			names = append(names, nameOf(ev.Tenant, ev.Subject, ev.Data))
		}
	}
	if names == nil {
		return nil
	}
	keys, err := v.toOpen(ctx, in, undone, names)
	if err != nil {
		return fmt.Errorf("open payloads: %w", err)
	}
	for i := range events {
		ev := &events[i]
		if !isSealed(ev.Data) {
			continue
		}
		if ev.Data, err = openWith(ctx, keys[nameOf(ev.Tenant, ev.Subject, ev.Data)], ev.Data, payloadPlace(ev)); err != nil {
			return fmt.Errorf("open payloads: %w", err)
		}
	}
	return nil
}

// Settle implements store.Queue: answers are sealed.
func (s *sealed) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	if s.vault.cfg.Seals {
		var err error
		if st.Items, err = s.vault.sealAnswers(ctx, st.Items); err != nil {
			return store.SettleResult{}, errUnavailable(err)
		}
	}
	return s.Store.Settle(ctx, now, st)
}

// answered reports whether an item has something that is to be sealed.
func answered(it *store.Settled) bool {
	return it.Attempt != nil && (len(it.Attempt.ResponseBody) > 0 || len(it.Attempt.ResponseHeaders) > 0)
}

func (v *Vault) sealAnswers(ctx context.Context, items []store.Settled) ([]store.Settled, error) {
	period := periodOf(clock.Now())
	var names []store.SubjectKeyName
	for i := range items {
		if it := &items[i]; answered(it) {
			names = append(names, store.SubjectKeyName{Tenant: it.Tenant, Subject: it.Subject, Period: period})
		}
	}
	if names == nil {
		return items, nil
	}
	keys, err := v.toSeal(ctx, v.cfg.Keys, false, names)
	if err != nil {
		return nil, fmt.Errorf("seal answers: %w", err)
	}
	items = slices.Clone(items)
	for i := range items {
		it := &items[i]
		if !answered(it) {
			continue
		}
		a := *it.Attempt
		plain, err := joinAnswer(a.ResponseHeaders, a.ResponseBody)
		if err == nil {
			ring := keys[store.SubjectKeyName{Tenant: it.Tenant, Subject: it.Subject, Period: period}]
			a.ResponseBody, err = sealWith(ctx, ring, period, plain, answerPlace(&a))
		}
		if err != nil {
			return nil, fmt.Errorf("seal answers: %w", err)
		}
		a.ResponseHeaders, it.Attempt = nil, &a
	}
	return items, nil
}

func answerPlace(a *webhook.Attempt) seal.AssociatedData {
	return seal.AssociatedData{Tenant: a.Tenant, ID: a.ID, Field: fieldAnswer}
}

// Attempts implements store.Deliveries. An answer whose key is gone is empty.
func (s *sealed) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	attempts, err := s.Store.Attempts(ctx, tenant, delivery)
	if err != nil || !slices.ContainsFunc(attempts, func(a webhook.Attempt) bool { return isSealed(a.ResponseBody) }) {
		return attempts, err
	}
	d, err := s.Delivery(ctx, tenant, delivery)
	if err != nil {
		return nil, err
	}
	// The event as it is stored: nobody has asked for its payload.
	ev, err := s.Store.Event(ctx, tenant, d.EventID)
	if err != nil {
		return nil, err
	}
	return attempts, s.vault.openAnswers(ctx, ev.Subject, attempts)
}

func (v *Vault) openAnswers(ctx context.Context, subject string, attempts []webhook.Attempt) error {
	var names []store.SubjectKeyName
	for i := range attempts {
		if a := &attempts[i]; isSealed(a.ResponseBody) {
			names = append(names, nameOf(a.Tenant, subject, a.ResponseBody))
		}
	}
	keys, err := v.toOpen(ctx, v.cfg.Keys, false, names)
	if err != nil {
		return fmt.Errorf("open answers: %w", err)
	}
	for i := range attempts {
		a := &attempts[i]
		if !isSealed(a.ResponseBody) {
			continue
		}
		plain, err := openWith(ctx, keys[nameOf(a.Tenant, subject, a.ResponseBody)], a.ResponseBody, answerPlace(a))
		if err != nil {
			return fmt.Errorf("open answers: %w", err)
		}
		a.ResponseHeaders, a.ResponseBody = splitAnswer(plain)
	}
	return nil
}

// CreateJob implements store.Jobs. What a job is to do may be an event.
func (s *sealed) CreateJob(ctx context.Context, now time.Time, j store.Job, audit ...webhook.AuditRecord) error {
	if s.vault.cfg.Seals && len(j.Spec) > 0 {
		name := store.SubjectKeyName{Tenant: j.Tenant, Period: periodOf(clock.Now())}
		keys, err := s.vault.toSeal(ctx, s.vault.cfg.Keys, false, []store.SubjectKeyName{name})
		if err == nil {
			j.Spec, err = sealWith(ctx, keys[name], name.Period, j.Spec, specPlace(&j))
		}
		if err != nil {
			return fmt.Errorf("create job: %w", errUnavailable(err))
		}
	}
	return s.Store.CreateJob(ctx, now, j, audit...)
}

func specPlace(j *store.Job) seal.AssociatedData {
	return seal.AssociatedData{Tenant: j.Tenant, ID: j.ID, Field: "job"}
}

// LeaseJobs implements store.Jobs.
func (s *sealed) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	jobs, err := s.Store.LeaseJobs(ctx, now, epoch, limit)
	for i := range jobs {
		j := &jobs[i]
		if err != nil || !isSealed(j.Spec) {
			continue
		}
		var keys rings
		name := nameOf(j.Tenant, "", j.Spec)
		if keys, err = s.vault.toOpen(ctx, s.vault.cfg.Keys, false, []store.SubjectKeyName{name}); err == nil {
			j.Spec, err = openWith(ctx, keys[name], j.Spec, specPlace(j))
		}
	}
	return jobs, err
}

// Prune implements store.Maintenance: keys go when nothing can be there any more that
// they have sealed. History may go a week at a time, and so late by as much.
func (s *sealed) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	done, err := s.Store.Prune(ctx, now, r, limit)
	if err != nil {
		return done, err
	}
	n, err := s.vault.prune(ctx, now, r, limit)
	done.SubjectKeys += n
	return done, err
}

// pruneEvery is how often old keys are looked for.
const pruneEvery = time.Hour

func (v *Vault) prune(ctx context.Context, now time.Time, r store.Retention, limit int) (int, error) {
	v.mu.Lock()
	due := now.Sub(v.pruned) >= pruneEvery
	if due {
		v.pruned = now
	}
	v.mu.Unlock()
	if !due {
		return 0, nil
	}
	// Broadcasts may run for as long as payloads are kept.
	return v.cfg.Keys.PruneSubjectKeys(ctx, periodOf(now.Add(-r.Payloads-Period)), limit)
}
