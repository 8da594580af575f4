package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// failedWorld is a world with n failed deliveries at an endpoint that has recovered.
func failedWorld(t *testing.T, st store.Store, cfg dispatcher.Config, n int) (*world, webhook.Endpoint) {
	t.Helper()
	if st == nil {
		st = memstore.New()
	}
	w := newWorld(t, st, cfg)
	ep := w.create(webhook.Endpoint{
		Tenant: "acme", URL: "https://a.example/", EventTypes: []string{"a.*"}, AutoPauseAfter: -1, MaxInFlight: 4,
		Retry: webhook.RetryPolicy{MaxAttempts: 1, Initial: time.Second},
	}, status(200))
	w.publish(n/2, "a.even")
	w.publish(n-n/2, "a.odd")
	failAll(t, st, n)
	time.Sleep(time.Minute) // they are of the past
	return w, ep
}

// failAll ends n deliveries that are due as failed, as a process would whose
// attempts had failed.
func failAll(t *testing.T, st store.Store, n int) {
	t.Helper()
	epoch, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := st.Poll(t.Context(), time.Now(), epoch, n, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
	if err != nil || len(rows) != n {
		t.Fatalf("Poll = %d rows, %v; want %d", len(rows), err, n)
	}
	s := store.Settlement{Epoch: epoch}
	for _, c := range rows {
		s.Items = append(s.Items, store.Settled{
			Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "a.even", Claim: c.Claim,
			Status: webhook.DeliveryFailed, Reason: webhook.ReasonAttemptsUsedUp,
			Attempt: &webhook.Attempt{
				ID: webhook.NewID(webhook.PrefixAttempt), Tenant: c.Tenant, DeliveryID: c.Delivery, N: 1, At: time.Now(),
				Class: webhook.ClassHTTPStatus, StatusCode: 500,
			},
		})
	}
	if _, err := st.Settle(t.Context(), time.Now(), s); err != nil {
		t.Fatal(err)
	}
	if err := st.Resign(t.Context(), time.Now(), epoch); err != nil {
		t.Fatal(err)
	}
}

func (w *world) redeliverMany(r manage.Redelivery) manage.RedeliveryResult {
	w.t.Helper()
	got, err := w.manage.RedeliverMany(w.t.Context(), "acme", r)
	if err != nil {
		w.t.Fatalf("RedeliverMany: %v", err)
	}
	return got
}

func (w *world) job(id string) manage.JobProgress {
	w.t.Helper()
	j, err := w.manage.Job(w.t.Context(), "acme", id)
	if err != nil {
		w.t.Fatalf("Job: %v", err)
	}
	return j
}

// onceEach fails the test unless n events arrived, each once.
func (w *world) onceEach(url string, n int) {
	w.t.Helper()
	times := make(map[string]int)
	for _, a := range w.net.to(url) {
		times[a.id]++
	}
	for id, n := range times {
		if n != 1 {
			w.t.Errorf("event %s arrived %d times, want once", id, n)
		}
	}
	want(w.t, "events that arrived", len(times), n)
}

// refusingStore refuses the steps of a job.
type refusingStore struct {
	store.Store
	job string
}

func (s *refusingStore) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	if step.ID == s.job {
		return errors.New("refused")
	}
	return s.Store.AdvanceJob(ctx, now, epoch, step)
}

// A job whose steps are refused does not hold up another.
func TestJobsDoNotWaitForOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &refusingStore{Store: memstore.New()}
		w, _ := failedWorld(t, st, dispatcher.Config{RedeliverRate: 100}, 600)
		st.job = w.redeliverMany(manage.Redelivery{EventTypes: []string{"a.even"}}).Job
		other := w.redeliverMany(manage.Redelivery{EventTypes: []string{"a.odd"}}).Job
		defer w.run()()
		wait(10 * time.Second) // 300 at 100 a second, and what the refused steps used up
		want(t, "state of the other job", w.job(other).State, store.JobDone)
		want(t, "state of the one that is refused", w.job(st.job).State, store.JobRunning)
	})
}

// A range of failed deliveries is counted, and then sent again at its own pace.
func TestRedeliverMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ep := failedWorld(t, nil, dispatcher.Config{}, 300)
		defer w.run()()
		dry := w.redeliverMany(manage.Redelivery{Endpoint: ep.ID, DryRun: true})
		want(t, "matched by a dry run", dry, manage.RedeliveryResult{Matched: 300})
		wait(time.Minute)
		want(t, "arrivals after a dry run", len(w.net.to(ep.URL)), 0)

		began := time.Now()
		got := w.redeliverMany(manage.Redelivery{Endpoint: ep.ID})
		want(t, "matched", got.Matched, 300)
		time.Sleep(time.Second)
		if n := w.job(got.Job).Done; n < 80 || n > 120 {
			t.Errorf("redelivered in the first second: %d, want about 100", n)
		}
		for w.job(got.Job).State == store.JobRunning {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took < 2800*time.Millisecond || took > 4*time.Second {
			t.Errorf("redelivery of 300 at 100/s took %v, want about 3 s", took)
		}
		wait(time.Minute)
		j := w.job(got.Job)
		want(t, "done", fmt.Sprintln(j.State, j.Total, j.Done, j.Skipped), "done 300 300 0\n")
		w.onceEach(ep.URL, 300)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 300)
		want(t, "failed that are left", w.redeliverMany(manage.Redelivery{}).Matched, 0)
	})
}

// Only what was asked for is sent again.
func TestRedeliverManyFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ep := failedWorld(t, nil, dispatcher.Config{}, 40)
		other := w.endpoint("other", status(200), "a.*")
		defer w.run()()
		want(t, "of another endpoint", w.redeliverMany(manage.Redelivery{Endpoint: other.ID}).Matched, 0)
		want(t, "canceled", w.redeliverMany(manage.Redelivery{Status: webhook.DeliveryCanceled}).Matched, 0)
		want(t, "later", w.redeliverMany(manage.Redelivery{From: time.Now().Add(-time.Second)}).Matched, 0)
		want(t, "of another type", w.redeliverMany(manage.Redelivery{EventTypes: []string{"b", "a.o"}}).Matched, 0)
		if got, err := w.manage.RedeliverMany(t.Context(), "globex", manage.Redelivery{Endpoint: ep.ID}); err != nil || got.Matched != 0 {
			t.Errorf("RedeliverMany of another tenant's endpoint = %+v, %v; want nothing matched", got, err)
		}
		got := w.redeliverMany(manage.Redelivery{EventTypes: []string{"a.odd"}})
		want(t, "of a type", got.Matched, 20)
		wait(time.Minute)
		w.onceEach(ep.URL, 20)

		list, err := w.manage.Deliveries(t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryFailed}, store.Page{Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{list[0].ID, list[1].ID, list[2].ID, list[0].ID, webhook.NewID(webhook.PrefixDelivery)}
		want(t, "of a list, dry", w.redeliverMany(manage.Redelivery{Deliveries: ids, DryRun: true}).Matched, 3)
		got = w.redeliverMany(manage.Redelivery{Deliveries: ids})
		wait(time.Minute)
		j := w.job(got.Job)
		want(t, "job of a list", fmt.Sprintln(j.State, j.Total, j.Done, j.Skipped), "done 3 3 1\n")
		w.onceEach(ep.URL, 23)
		want(t, "an empty list", w.redeliverMany(manage.Redelivery{Deliveries: []string{}}), manage.RedeliveryResult{})
	})
}

// A job of old deliveries goes through at most as fast as its rate, and does not
// hold up what is published.
func TestRedeliverManyHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ep := failedWorld(t, nil, dispatcher.Config{RedeliverRate: 1000}, 2000)
		w.net.mu.Lock()
		w.net.handlers[ep.URL] = func(ctx context.Context, n int, r *transport.Request) (*transport.Response, error) {
			time.Sleep(400 * time.Millisecond)
			return status(200)(ctx, n, r)
		}
		w.net.mu.Unlock()
		defer w.run()()
		w.redeliverMany(manage.Redelivery{})
		time.Sleep(5 * time.Second)
		for range 20 {
			w.publish(1, "a.fresh")
			time.Sleep(200 * time.Millisecond)
		}
		for range 20 {
			time.Sleep(500 * time.Millisecond)
		}
		fresh := 0
		for _, a := range w.net.to(ep.URL) {
			if strings.Contains(a.body, "a.fresh") {
				fresh++
			}
		}
		left := w.deliveries(ep.ID)[webhook.DeliveryPending]
		if fresh != 20 || left < 100 {
			t.Errorf("%d of 20 new events arrived while %d old ones waited; want all, behind a backlog", fresh, left)
		}
	})
}

// A job that is canceled goes no further.
func TestCancelJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ep := failedWorld(t, nil, dispatcher.Config{}, 300)
		defer w.run()()
		got := w.redeliverMany(manage.Redelivery{})
		time.Sleep(time.Second)
		for range 2 {
			if err := w.manage.CancelJob(t.Context(), "acme", got.Job); err != nil {
				t.Fatal(err)
			}
		}
		j := w.job(got.Job)
		wait(time.Hour)
		if again := w.job(got.Job); again != j || j.State != store.JobCanceled || j.Done == 0 || j.Done > 150 {
			t.Errorf("job after it was canceled = %+v, and an hour later %+v; want it canceled where it was", j, again)
		}
		w.onceEach(ep.URL, j.Done)
		if _, err := w.manage.Job(t.Context(), "globex", got.Job); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Job of another tenant: %v, want ErrNotFound", err)
		}
	})
}

// Whatever the store loses, answers of steps among it, each delivery is sent once;
// what the first process leaves, another one does.
func TestRedeliverManyOnceOverAFaultyStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w, ep := failedWorld(t, st, dispatcher.Config{RedeliverRate: 1000}, 1500)
		other := newWorld(t, st.Store, dispatcher.Config{RedeliverRate: 1000, Transport: w.net})
		r := w.redeliverMany(manage.Redelivery{})
		calls := 0
		st.setFault(func(call string, after bool) error {
			if !strings.Contains(call, "job") {
				return nil
			}
			switch calls++; {
			case calls%7 == 0:
				return store.ErrUnavailable
			case calls%3 == 0 && after:
				return store.ErrUnknown
			}
			return nil
		})
		stop := w.run()
		for w.job(r.Job).Done < 500 {
			time.Sleep(50 * time.Millisecond)
		}
		defer other.run()()
		st.down.Store(true) // the first process is cut off
		for deadline := time.Now().Add(time.Hour); time.Now().Before(deadline); time.Sleep(time.Minute) {
			if j, err := other.manage.Job(t.Context(), "acme", r.Job); err != nil || j.State == store.JobDone {
				break
			}
		}
		st.down.Store(false)
		wait(time.Hour)
		stop()
		j, err := other.manage.Job(t.Context(), "acme", r.Job)
		if err != nil || j.State != store.JobDone || j.Done != 1500 || j.Skipped != 0 {
			t.Errorf("job = %+v, %v; want 1500 done", j, err)
		}
		if calls < 50 {
			t.Errorf("%d calls for jobs; the faults prove nothing", calls)
		}
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 1500)
		attempts := 0
		for _, d := range listAll(t, st) {
			attempts += d.Attempts
		}
		want(t, "attempts, of which each delivery had one before", attempts, 3000)
	})
}

func listAll(t *testing.T, st store.Store) (all []webhook.Delivery) {
	t.Helper()
	for after := ""; ; {
		page, err := st.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{}, store.Page{After: after, Limit: 1000, Oldest: true})
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) < 1000 {
			return all
		}
		after = page[len(page)-1].ID
	}
}

func TestRedeliverManyRefuses(t *testing.T) {
	w := newWorld(t, nil, dispatcher.Config{})
	id := webhook.NewID(webhook.PrefixDelivery)
	many := make([]string, 1001)
	for i := range many {
		many[i] = id
	}
	for field, r := range map[string]manage.Redelivery{
		"deliveries":  {Deliveries: []string{"dlv_1"}},
		"endpoint":    {Endpoint: "ep_1"},
		"status":      {Status: webhook.DeliveryPending},
		"event_types": {EventTypes: []string{"a b"}},
		"to":          {From: time.Now(), To: time.Now().Add(-time.Hour)},
	} {
		w.wantField(r, field)
	}
	w.wantField(manage.Redelivery{Deliveries: many}, "deliveries")
	w.wantField(manage.Redelivery{Deliveries: []string{id}, Status: webhook.DeliveryFailed}, "deliveries")
}

func (w *world) wantField(r manage.Redelivery, field string) {
	w.t.Helper()
	_, err := w.manage.RedeliverMany(w.t.Context(), "acme", r)
	inv, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok || len(inv.Fields) != 1 || inv.Fields[0].Field != field {
		w.t.Errorf("RedeliverMany(%+v) = %v, want the field %s at fault", r, err, field)
	}
}
