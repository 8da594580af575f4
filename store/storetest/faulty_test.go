package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// epochs is how many epochs a faulty store looks at; no case has more.
const epochs = 40

// forgetsMarks cancels what nobody has, and only says so of the rest.
type forgetsMarks struct{ store.Store }

func (s *forgetsMarks) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	var answers []store.Cancellation
	for _, id := range deliveries {
		leased := false
		for epoch := range int64(epochs) {
			held, err := s.Held(ctx, epoch, "", store.MaxPage)
			if err != nil {
				return nil, err
			}
			for _, h := range held {
				if h.Delivery == id {
					leased = true
					answers = append(answers, store.Cancellation{
						Cancellation: webhook.Cancellation{DeliveryID: id, Outcome: webhook.CancelRequested}, Claim: h.Claim,
					})
				}
			}
		}
		if leased {
			continue
		}
		own, err := s.Store.Cancel(ctx, now, tenant, []string{id}, audit...)
		if err != nil {
			return nil, err
		}
		answers = append(answers, own...)
	}
	return answers, nil
}

// cancelsForAll looks deliveries up by their id alone.
type cancelsForAll struct{ store.Store }

func (s *cancelsForAll) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	var answers []store.Cancellation
	for _, t := range []string{"acme", "globex", ""} {
		log := audit
		if t != tenant {
			log = nil
		}
		own, err := s.Store.Cancel(ctx, now, t, deliveries, log...)
		if err != nil {
			return nil, err
		}
		answers = append(answers, own...)
	}
	return answers, nil
}

// noTx is a store that passes itself off as a transaction of the host.
type noTx struct{ *memstore.Store }

func (s noTx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	return s.ListEvents(ctx, tenant, page)
}

func (s noTx) Reserver() (store.Reserver, bool) { return s.Store, false }

// ownQuotas counts by itself, and for each process.
type ownQuotas struct {
	store.Store
	mu   sync.Mutex
	used map[store.QuotaRequest]int64
}

func (s *ownQuotas) ReserveQuota(_ context.Context, _ time.Time, req store.QuotaRequest) (given int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == nil {
		s.used = make(map[store.QuotaRequest]int64)
	}
	key := store.QuotaRequest{Tenant: req.Tenant, Name: req.Name, Window: req.Window}
	given, s.used[key] = req.Grant(s.used[key])
	return given, nil
}

// countsBefore counts endpoints and creates one in two transactions. Of callers that
// come together all have counted before the first creates.
type countsBefore struct {
	store.Store
	mu      sync.Mutex
	counted int
	all     chan struct{}
}

func (s *countsBefore) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if c.Most == 0 {
		return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	}
	n, err := s.CountEndpoints(ctx, ep.Tenant)
	if err != nil {
		return store.EndpointRecord{}, err
	}
	s.mu.Lock()
	if s.all == nil {
		s.all = make(chan struct{})
	}
	all := s.all
	if s.counted++; s.counted == 16 {
		close(s.all)
	}
	s.mu.Unlock()
	select {
	case <-all:
	case <-time.After(time.Second):
	}
	if n >= c.Most {
		return store.EndpointRecord{}, store.ErrTooMany
	}
	c.Most = 0
	return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
}

// tenantless looks deliveries up by their id alone.
type tenantless struct{ store.Store }

func (s *tenantless) Delivery(ctx context.Context, tenant, id string) (d webhook.Delivery, err error) {
	for _, t := range []string{tenant, "acme", "globex", ""} {
		if d, err = s.Store.Delivery(ctx, t, id); err == nil {
			return d, nil
		}
	}
	return d, err
}

func (s *tenantless) Place(ctx context.Context, tenant, id string) (p store.Place, err error) {
	for _, t := range []string{tenant, "acme", "globex", ""} {
		if p, err = s.Store.Place(ctx, t, id); err == nil {
			return p, nil
		}
	}
	return p, err
}

// keyless knows nothing of ordering keys.
type keyless struct{ store.Store }

func (s *keyless) Place(ctx context.Context, tenant, id string) (store.Place, error) {
	p, err := s.Store.Place(ctx, tenant, id)
	p.Ahead, p.AheadDue, p.BlockedBy = "", time.Time{}, ""
	return p, err
}

// codeless keeps no counts by status code.
type codeless struct{ store.Store }

func (s *codeless) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	stats, err := s.Store.Stats(ctx, tenant, scope, from, to)
	for i := range stats {
		stats[i].Counts.Statuses = nil
	}
	return stats, err
}

// skippingPages begins a page one entry too late.
type skippingPages struct{ store.Store }

func (s *skippingPages) ListDeliveries(ctx context.Context, tenant string, f store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	if page.After == "" {
		return s.Store.ListDeliveries(ctx, tenant, f, page)
	}
	page.Limit = page.Size() + 1
	list, err := s.Store.ListDeliveries(ctx, tenant, f, page)
	return list[min(1, len(list)):], err
}

// hastyCursor counts a change that is not there yet.
type hastyCursor struct{ store.Store }

func (s *hastyCursor) ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]store.EndpointRecord, int64, error) {
	list, next, err := s.Store.ChangedEndpoints(ctx, cursor, limit)
	if len(list) > 0 {
		next++
	}
	return list, next, err
}

// lastUpdateWins does not compare versions.
type lastUpdateWins struct{ store.Store }

func (s *lastUpdateWins) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	for {
		got, err := s.Store.UpdateEndpoint(ctx, now, ep, audit...)
		if !errors.Is(err, store.ErrVersion) {
			return got, err
		}
		present, err := s.Endpoint(ctx, ep.Tenant, ep.ID)
		if err != nil {
			return got, err
		}
		ep.Version = present.Version
	}
}

// countsLost writes statistics of what it was given, not of what it accepted.
type countsLost struct {
	store.Store
	mu   sync.Mutex
	lost []store.Settled
}

func (s *countsLost) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	result, err := s.Store.Settle(ctx, now, st)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range st.Items {
		if slices.Contains(result.Lost, store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim}) {
			s.lost = append(s.lost, it)
		}
	}
	return result, err
}

func (s *countsLost) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	stats, err := s.Store.Stats(ctx, tenant, scope, from, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, counts := range store.Tally(s.lost) {
		if key.Tenant != tenant || key.StatScope != scope {
			continue
		}
		if i := slices.IndexFunc(stats, func(st store.Stat) bool { return st.Start.Equal(key.Minute) }); i >= 0 {
			stats[i].Counts.Merge(*counts)
		} else {
			stats = append(stats, store.Stat{Start: key.Minute, Counts: *counts})
		}
	}
	return stats, err
}

// eagerPrune takes a retention for half of what it is.
type eagerPrune struct{ store.Store }

func (s *eagerPrune) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	r.Payloads /= 2
	return s.Store.Prune(ctx, now, r, limit)
}

// lastSettingWins writes without looking.
type lastSettingWins struct{ store.Store }

func (s *lastSettingWins) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	_, err := s.Store.Setting(ctx, name, initial)
	return initial, err
}

// freshRates forgets what it has given.
type freshRates struct {
	store.Store
	calls atomic.Int64
}

func (s *freshRates) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	reqs = slices.Clone(reqs)
	for i := range reqs {
		reqs[i].Name = fmt.Sprintf("%s of call %d of %p", reqs[i].Name, s.calls.Add(1), s)
	}
	return s.Store.ReserveRates(ctx, now, reqs)
}

// endlessSlack gives all the time that nobody has used.
type endlessSlack struct{ store.Store }

func (s *endlessSlack) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	reqs = slices.Clone(reqs)
	for i := range reqs {
		reqs[i].Slack += time.Hour
	}
	return s.Store.ReserveRates(ctx, now, reqs)
}

// keepsDeadLetters knows nothing of what endpoints say about them, and eagerDead
// removes those of every endpoint.
type keepsDeadLetters struct{ store.Store }

func (s *keepsDeadLetters) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	retain := ep.DeadLetter.Retain
	ep.DeadLetter.Retain = 0
	ep, err := s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	ep.DeadLetter.Retain = retain
	return ep, err
}

type eagerDead struct{ store.Store }

func (s *eagerDead) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	retain := ep.DeadLetter.Retain
	ep.DeadLetter.Retain = time.Hour
	ep, err := s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	ep.DeadLetter.Retain = retain
	return ep, err
}

// discreet does not note what is notable.
type discreet struct{ store.Store }

func (s *discreet) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	st.Items = slices.Clone(st.Items)
	for i := range st.Items {
		st.Items[i].Notable = false
	}
	return s.Store.Settle(ctx, now, st)
}

// forgetsRecovery does not write recoveries.
type forgetsRecovery struct{ store.Store }

func (s *forgetsRecovery) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	st.Items = slices.Clone(st.Items)
	for i := range st.Items {
		st.Items[i].Recovery = store.RecoveryUnchanged
	}
	return s.Store.Settle(ctx, now, st)
}

// deaf does not hand contexts on.
type deaf struct{ store.Store }

func (s *deaf) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	return s.Store.Publish(context.WithoutCancel(ctx), now, pubs)
}

func (s *deaf) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	return s.Store.Poll(context.WithoutCancel(ctx), now, epoch, limit, admit)
}

func (s *deaf) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	return s.Store.Settle(context.WithoutCancel(ctx), now, st)
}

func (s *deaf) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	return s.Store.Take(context.WithoutCancel(ctx), now, epoch, limit, asking, turn)
}

func (s *deaf) ReserveQuota(ctx context.Context, now time.Time, req store.QuotaRequest) (int64, error) {
	return s.Store.ReserveQuota(context.WithoutCancel(ctx), now, req)
}

func (s *deaf) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	return s.Store.CreateJob(context.WithoutCancel(ctx), now, job, audit...)
}

func (s *deaf) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	return s.Store.AdvanceJob(context.WithoutCancel(ctx), now, epoch, step)
}

func (s *deaf) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	return s.Store.ReserveRates(context.WithoutCancel(ctx), now, reqs)
}

func (s *deaf) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	return s.Store.Bind(context.WithoutCancel(ctx), epoch, batches)
}
