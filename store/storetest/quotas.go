package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var quotaCases = []testCase{
	{"NeverOver", quotaNeverOver},
	{"NeverOverByManyCallers", quotaManyCallers},
	{"ProcessesShare", quotaProcessesShare},
	{"BlocksShrink", quotaBlocksShrink},
	{"NeedComesFirst", quotaNeedComesFirst},
	{"Returned", quotaReturned},
	{"LimitMayChange", quotaLimitMayChange},
	{"AsComputed", quotaAsComputed},
	{"AreSeparate", quotaAreSeparate},
	{"IsDurable", quotaIsDurable},
	{"CanceledGivesNothing", quotaCanceled},
	{"OldOnesArePruned", quotaPruned},
	{"EndpointLimitIsExact", endpointLimitIsExact},
	{"EndpointsOfOthersDoNotCount", endpointsOfOthersDoNotCount},
}

// month is when the quotas of the cases began.
var month = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func quotaOf(limit, need, block int64) store.QuotaRequest {
	return store.QuotaRequest{Tenant: acme, Name: "events", Window: month, Limit: limit, Need: need, Block: block}
}

func (w *world) quota(req store.QuotaRequest) int64 {
	w.t.Helper()
	return w.quotaIn(w.store, req)
}

func (w *world) quotaIn(st store.Store, req store.QuotaRequest) int64 {
	w.t.Helper()
	n, err := st.ReserveQuota(w.ctx, w.now, req)
	w.must(err, "ReserveQuota")
	return n
}

func (w *world) wantUsed(req store.QuotaRequest, want int64) {
	w.t.Helper()
	got, err := w.store.QuotaUsed(w.ctx, req.Tenant, req.Name, req.Window)
	w.must(err, "QuotaUsed")
	if got != want {
		w.t.Errorf("QuotaUsed = %d; want %d", got, want)
	}
}

func quotaNeverOver(w *world) {
	req := quotaOf(100, 1, 10)
	w.wantUsed(req, 0)
	var total int64
	for range 200 {
		total += w.quota(req)
	}
	if total != 100 {
		w.t.Errorf("ReserveQuota of a limit of 100, again and again, gave %d; want all and no more", total)
	}
	w.wantUsed(req, 100)
	if n := w.quota(req); n != 0 {
		w.t.Errorf("ReserveQuota when nothing is left = %d; want 0", n)
	}
}

func quotaManyCallers(w *world) {
	const callers, limit = 8, 60
	var total atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range limit {
				n, err := w.store.ReserveQuota(w.ctx, w.now, quotaOf(limit, 1, 3))
				if err != nil {
					w.t.Errorf("ReserveQuota by many callers: %v", err)
				}
				total.Add(n)
			}
		})
	}
	all.Wait()
	if got := total.Load(); got != limit {
		w.t.Errorf("ReserveQuota of a limit of %d by %d callers gave %d; want all and no more", limit, callers, got)
	}
}

func quotaProcessesShare(w *world) {
	other := w.second()
	req := quotaOf(10, 4, 0)
	got := [3]int64{w.quota(req), w.quotaIn(other, req), w.quota(req)}
	if want := [3]int64{4, 4, 2}; got != want {
		w.t.Errorf("ReserveQuota of a limit of 10 by two processes = %v; want %v", got, want)
	}
}

func quotaBlocksShrink(w *world) {
	var got []int64
	for range 4 {
		got = append(got, w.quota(quotaOf(100, 1, 10)))
	}
	// 100/8 is more than a block, and so is 90/8; 80/8 is one, 70/8 is less.
	for i, want := range []int64{10, 10, 10, 8} {
		if got[i] != want {
			w.t.Errorf("ReserveQuota in blocks of 10 of 100: block %d has %d; want %d: an eighth of what is left at most", i, got[i], want)
		}
	}
}

func quotaNeedComesFirst(w *world) {
	if n := w.quota(quotaOf(100, 30, 10)); n != 30 {
		w.t.Errorf("ReserveQuota of 30 in blocks of 10 = %d; want 30", n)
	}
	if n := w.quota(quotaOf(100, 100, 10)); n != 70 {
		w.t.Errorf("ReserveQuota of 100 when 70 are left = %d; want 70", n)
	}
}

func quotaReturned(w *world) {
	req := quotaOf(10, 8, 0)
	w.quota(req)
	back := quotaOf(10, 0, 0)
	back.Return = 3
	if n := w.quota(back); n != 0 {
		w.t.Errorf("ReserveQuota that only returns = %d; want 0", n)
	}
	w.wantUsed(req, 5)
	if n := w.quota(req); n != 5 {
		w.t.Errorf("ReserveQuota of 8 when 3 of 8 have come back of a limit of 10 = %d; want 5", n)
	}
	back.Return = 1000
	w.quota(back)
	w.wantUsed(req, 0)
}

func quotaLimitMayChange(w *world) {
	w.quota(quotaOf(10, 10, 0))
	if n := w.quota(quotaOf(5, 1, 0)); n != 0 {
		w.t.Errorf("ReserveQuota of a limit that fell below what is used = %d; want 0", n)
	}
	if n := w.quota(quotaOf(20, 100, 0)); n != 10 {
		w.t.Errorf("ReserveQuota of a limit that rose from 10 to 20 = %d; want the other 10", n)
	}
}

// quotaAsComputed compares the store with the arithmetic that others rely on.
func quotaAsComputed(w *world) {
	var used int64
	for i := range int64(60) {
		req := quotaOf(500+i%3*100, i%7, i*i%40)
		req.Return = max(i%11-8, 0)
		var want int64
		want, used = req.Grant(used)
		if got := w.quota(req); got != want {
			w.t.Errorf("ReserveQuota %d, %+v = %d; want %d, as QuotaRequest.Grant has it", i, req, got, want)
		}
		w.wantUsed(req, used)
	}
}

func quotaAreSeparate(w *world) {
	w.quota(quotaOf(10, 10, 0))
	for name, change := range map[string]func(*store.QuotaRequest){
		"tenant": func(r *store.QuotaRequest) { r.Tenant = globex },
		"name":   func(r *store.QuotaRequest) { r.Name = "other" },
		"window": func(r *store.QuotaRequest) { r.Window = month.AddDate(0, 1, 0) },
	} {
		req := quotaOf(10, 10, 0)
		change(&req)
		if n := w.quota(req); n != 10 {
			w.t.Errorf("ReserveQuota of another %s = %d; want 10: it is another quota", name, n)
		}
	}
}

func quotaIsDurable(w *world) {
	w.quota(quotaOf(10, 7, 0))
	w.reopen()
	w.wantUsed(quotaOf(10, 0, 0), 7)
}

func quotaCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.store.ReserveQuota(ctx, w.now, quotaOf(10, 1, 0)); err == nil {
		w.t.Errorf("ReserveQuota with a canceled context = no error; want one")
	}
	w.wantUsed(quotaOf(10, 0, 0), 0)
}

func quotaPruned(w *world) {
	req, fresh := quotaOf(10, 7, 0), quotaOf(10, 3, 0)
	fresh.Window = w.now
	req.Window = w.now.Add(-retention.Statistics - time.Hour)
	w.quota(req)
	w.quota(fresh)
	w.pruneAll()
	w.wantUsed(req, 0)
	w.wantUsed(fresh, 3)
}

func endpointLimitIsExact(w *world) {
	const callers, most = 16, 5
	var created, refused atomic.Int64
	var all sync.WaitGroup
	w.endpoint(acme)
	for range callers {
		rec := w.newEndpoint(acme)
		secret := w.newSecret(acme, rec.ID)
		all.Go(func() {
			switch _, err := w.store.CreateEndpoint(w.ctx, w.now, rec, secret, store.Creation{Most: most}); {
			case err == nil:
				created.Add(1)
			case errors.Is(err, store.ErrTooMany):
				refused.Add(1)
			default:
				w.t.Errorf("CreateEndpoint by many callers: %v", err)
			}
		})
	}
	all.Wait()
	if created.Load() != most-1 || refused.Load() != callers-most+1 {
		w.t.Errorf("CreateEndpoint by %d callers with one of at most %d there: %d created, %d refused; want %d, %d",
			callers, most, created.Load(), refused.Load(), most-1, callers-most+1)
	}
	w.wantEndpoints(acme, most)
	list, err := w.store.ListEndpoints(w.ctx, acme, store.Page{})
	w.must(err, "ListEndpoints")
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, list[0].ID), "DeleteEndpoint")
	w.wantEndpoints(acme, most-1)
	rec := w.newEndpoint(acme)
	if _, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{Most: most}); err != nil {
		w.t.Errorf("CreateEndpoint after one of the most was deleted: %v; want it created", err)
	}
}

func (w *world) wantEndpoints(tenant string, want int) {
	w.t.Helper()
	got, err := w.store.CountEndpoints(w.ctx, tenant)
	w.must(err, "CountEndpoints")
	if got != want {
		w.t.Errorf("CountEndpoints = %d; want %d", got, want)
	}
}

func endpointsOfOthersDoNotCount(w *world) {
	w.endpoint(globex)
	w.wantEndpoints(acme, 0)
	rec := w.newEndpoint(acme)
	if _, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{Most: 1}); err != nil {
		w.t.Errorf("CreateEndpoint of a tenant's first of at most one: %v; want it created", err)
	}
	rec = w.newEndpoint(acme)
	if _, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{Most: 1}); !errors.Is(err, store.ErrTooMany) {
		w.t.Errorf("CreateEndpoint of the second of at most one: %v; want ErrTooMany", err)
	}
	if _, err := w.store.Endpoint(w.ctx, acme, rec.ID); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Endpoint that was refused: %v; want ErrNotFound", err)
	}
}

// Where a host's transaction goes on, quotas and rates are reserved without waiting
// for it, and undone with it if it says so.
func txReserves(w *world) {
	w.endpoint(acme)
	for _, commit := range []bool{true, false} {
		before, err := w.store.QuotaUsed(w.ctx, acme, "events", month)
		w.must(err, "QuotaUsed")
		tx := w.begin()
		r, undone := tx.Tx.Reserver()
		if n, err := r.ReserveQuota(w.ctx, w.now, quotaOf(10, 2, 0)); err != nil || n != 2 {
			w.t.Errorf("ReserveQuota while a transaction goes on = %d, error %v; want 2", n, err)
		}
		grants, err := r.ReserveRates(w.ctx, w.now, []store.RateRequest{perSecond(webhook.LimitEventsPerSecond, 50, 1)})
		if err != nil || len(grants) != 1 {
			w.t.Errorf("ReserveRates while a transaction goes on = %v, error %v; want a grant", grants, err)
		}
		w.publishTx(tx, w.publication(acme))
		want := before + 2
		if commit {
			w.must(tx.Commit(), "Commit")
		} else {
			w.must(tx.Rollback(), "Rollback")
			if undone {
				want = before
			}
		}
		w.wantUsed(quotaOf(10, 0, 0), want)
		w.advance(time.Second)
	}
}
