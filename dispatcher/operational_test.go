package dispatcher_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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

// An endpoint that fails is warned of at 50, 75 and 90 %, and then paused; each is
// told once to the hook and to the endpoints that name it, with what happened.
func TestWarningsAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hook told
		w := newWorld(t, nil, dispatcher.Config{OnOperational: hook.hook})
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://bad.example/secret", EventTypes: []string{"a.*"}, AutoPauseAfter: 20}, status(503))
		watcher := w.endpoint("watcher", status(200), "webhook.*")
		all := w.endpoint("all", status(200), "*")
		only := w.endpoint("only", status(200), "webhook.endpoint.paused")
		defer w.run()()
		w.publish(40, "a.b")
		time.Sleep(12 * time.Hour)

		warnings := hook.of(webhook.TypeEndpointWarning)
		var percents, failures []int
		for _, op := range warnings {
			percents, failures = append(percents, op.Percent), append(failures, op.Failures)
			if op.EndpointID != ep.ID || op.Tenant != "acme" || op.Host != "bad.example" || op.LastAttempt == nil || op.LastAttempt.StatusCode != 503 ||
				op.AutoPauseAfter != 20 || op.EventType != "a.b" {
				t.Errorf("warning = %+v; want the endpoint, its host and the attempt that failed", op)
			}
		}
		want(t, "levels that were warned of", fmt.Sprint(percents), "[50 75 90]")
		if len(failures) == 3 && (failures[0] < 10 || failures[1] < 15 || failures[2] < 18) {
			t.Errorf("warned at %v failures, want from 10, 15 and 18 on", failures)
		}
		paused := hook.of(webhook.TypeEndpointPaused)
		if len(paused) != 1 {
			t.Fatalf("the hook was told of %d pauses, want 1", len(paused))
		}
		if op := paused[0]; op.EndpointID != ep.ID || op.Status != webhook.EndpointPaused || op.PauseCause != webhook.PausedByFailures || op.Failures < 20 ||
			op.LastAttempt == nil || op.LastAttempt.Class != webhook.ClassHTTPStatus || op.Reason == "" {
			t.Errorf("pause = %+v; want its reason and its evidence", op)
		}
		got := w.received(watcher.URL)
		want(t, "operational events at the watcher", fmt.Sprint(typesOf(got)),
			"[webhook.endpoint.paused webhook.endpoint.warning webhook.endpoint.warning webhook.endpoint.warning]")
		for _, op := range got {
			if op.Data.EndpointID != ep.ID || op.Data.Host != "bad.example" || op.Data.LastAttempt == nil {
				t.Errorf("operational event = %+v; want the same snapshot as the hook's", op)
			}
		}
		for _, a := range w.net.to(watcher.URL) {
			if strings.Contains(a.body, "secret") {
				t.Errorf("an operational event shows the path of a URL: %s", a.body)
			}
		}
		want(t, "operational events at an endpoint of *", len(w.received(all.URL)), 0)
		want(t, "operational events at an endpoint that names one", fmt.Sprint(typesOf(w.received(only.URL))), "[webhook.endpoint.paused]")
	})
}

// A success between the failures begins a new row, whose levels are told anew.
func TestWarningsOfTheNextRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hook told
		w := newWorld(t, nil, dispatcher.Config{OnOperational: hook.hook})
		var code atomic.Int64
		code.Store(500)
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://bad.example/", AutoPauseAfter: 5},
			func(ctx context.Context, n int, r *transport.Request) (*transport.Response, error) {
				return status(int(code.Load()))(ctx, n, r)
			})
		defer w.run()()
		fail := func(n int) {
			for range n {
				w.publish(1, "a.b")
				time.Sleep(time.Second)
			}
		}
		fail(4)
		want(t, "levels of 5 that four failures cross", len(hook.of(webhook.TypeEndpointWarning)), 2)
		code.Store(200)
		time.Sleep(time.Hour)
		code.Store(500)
		fail(3)
		want(t, "levels crossed after a success and three failures", len(hook.of(webhook.TypeEndpointWarning)), 3)
		got, err := w.manage.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil || got.Status != webhook.EndpointActive {
			t.Errorf("endpoint = %v, %v; want it active", got.Status, err)
		}
	})
}

// 410 is told once, as gone, whatever number of attempts had that answer.
func TestGoneIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		var hook told
		w := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook})
		other := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook, Transport: w.net})
		var gone atomic.Bool
		w.endpoint("gone", func(ctx context.Context, n int, r *transport.Request) (*transport.Response, error) {
			if !gone.Load() {
				return status(200)(ctx, n, r)
			}
			time.Sleep(time.Second)
			return status(410)(ctx, n, r)
		}, "a.b")
		watcher := w.endpoint("watcher", status(200), "webhook.endpoint.*")
		stop, stopOther := w.run(), other.run()
		for _, p := range []*world{w, other} { // so that both know that it answers
			p.publish(10, "a.b")
			time.Sleep(time.Second)
		}
		gone.Store(true)
		before := len(w.net.to("https://gone.example/"))
		for range 5 {
			w.publish(1, "a.b")
			other.publish(1, "a.b")
		}
		time.Sleep(time.Minute)
		stop()
		stopOther()
		want(t, "what the hooks were told", fmt.Sprint(hook.types()), "[webhook.endpoint.gone]")
		want(t, "operational events at the watcher", fmt.Sprint(typesOf(w.received(watcher.URL))), "[webhook.endpoint.gone]")
		if n := len(w.net.to("https://gone.example/")) - before; n < 3 {
			t.Errorf("%d attempts were answered with 410; with so few the test proves nothing", n)
		}
	})
}

// Two processes that share an endpoint's failures warn of each level once.
func TestWarningsOfTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		var hook told
		w := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook})
		other := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook, Transport: w.net})
		w.create(webhook.Endpoint{Tenant: "acme", URL: "https://bad.example/", AutoPauseAfter: 20}, status(500))
		defer w.run()()
		defer other.run()()
		for range 20 {
			w.publish(1, "a.b")
			other.publish(1, "a.b")
		}
		time.Sleep(3 * time.Hour) // of probes
		var percents []int
		for _, op := range hook.of(webhook.TypeEndpointWarning) {
			percents = append(percents, op.Percent)
		}
		slices.Sort(percents)
		want(t, "levels that were warned of", fmt.Sprint(percents), "[50 75 90]")
		want(t, "pauses that were told", len(hook.of(webhook.TypeEndpointPaused)), 1)
	})
}

// A delivery that fails for good is told, unless its endpoint is quiet or it was
// an operational event itself.
func TestFailedDeliveriesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hook told
		w := newWorld(t, nil, dispatcher.Config{OnOperational: hook.hook})
		once := webhook.RetryPolicy{MaxAttempts: 2, Initial: time.Second}
		loud := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://loud.example/", EventTypes: []string{"a.b"}, Retry: once}, status(500))
		w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://quiet.example/", EventTypes: []string{"a.b"}, Retry: once,
			DeadLetter: webhook.DeadLetter{Quiet: true},
		}, status(500))
		watcher := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://watcher.example/", EventTypes: []string{"webhook.delivery.failed"}, Retry: once}, status(500))
		defer w.run()()
		w.publish(1, "a.b")
		time.Sleep(time.Hour)
		failed := hook.of(webhook.TypeDeliveryFailed)
		if len(failed) != 1 {
			t.Fatalf("told of %d failed deliveries, want 1: %+v", len(failed), failed)
		}
		if op := failed[0]; op.EndpointID != loud.ID || op.Attempts != 2 || op.FailedFor != webhook.ReasonAttemptsUsedUp || op.DeliveryID == "" || op.EventID == "" ||
			op.EventType != "a.b" || op.LastAttempt.StatusCode != 500 {
			t.Errorf("failed delivery = %+v; want it with its last attempt", op)
		}
		want(t, "deliveries of the operational event", w.deliveries(watcher.ID)[webhook.DeliveryFailed], 1)

		if err := w.Redeliver(t.Context(), "acme", failed[0].DeliveryID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		want(t, "failed deliveries told after a redelivery that failed too", len(hook.of(webhook.TypeDeliveryFailed)), 2)
	})
}

// Deliveries that expire are told once for each endpoint.
func TestExpiredDeliveriesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hook told
		w := newWorld(t, nil, dispatcher.Config{OnOperational: hook.hook, Retention: dispatcher.Retention{Payloads: 4 * time.Hour}})
		ep := w.endpoint("held", status(200), "a.b", "webhook.endpoint.paused")
		if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		w.publish(3, "a.b")
		time.Sleep(6 * time.Hour)
		want(t, "what was told", fmt.Sprint(hook.types()), "[webhook.endpoint.paused webhook.delivery.expired]")
		if op := hook.of(webhook.TypeDeliveryExpired); len(op) == 1 && (op[0].Count != 3 || op[0].EndpointID != ep.ID || op[0].Host != "held.example" || op[0].EventType != "a.b") {
			t.Errorf("expired = %+v; want 3 deliveries of the endpoint, and not that of the operational event", op[0])
		}
		want(t, "expired deliveries, with that of the operational event", w.deliveries(ep.ID)[webhook.DeliveryCanceled], 4)
	})
}

// What people do is told too.
func TestPauseResumeAndRotateAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hook told
		w := newWorld(t, nil, dispatcher.Config{OnOperational: hook.hook})
		ep := w.endpoint("a", status(200))
		for range 2 { // the second time nothing changes
			if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for range 2 {
			if _, err := w.manage.Resume(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if _, err := w.manage.RotateSecret(t.Context(), "acme", ep.ID, manage.Rotation{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, "what was told", fmt.Sprint(hook.types()), "[webhook.endpoint.paused webhook.endpoint.resumed webhook.secret.rotated]")
		if op := hook.of(webhook.TypeEndpointResumed)[0]; op.Status != webhook.EndpointActive || op.PauseCause != webhook.PausedByHand {
			t.Errorf("resumed = %+v; want it active, and what it had been paused by", op)
		}
		if op := hook.of(webhook.TypeSecretRotated)[0]; op.SecretID == "" || op.EndpointID != ep.ID {
			t.Errorf("rotated = %+v; want the endpoint and the secret's id", op)
		}
	})
}

// A cause that is reported again, by whomever, is told once to those who subscribe
// to it, also if the first answer of the store was lost.
func TestOneOperationalEventPerCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		var hook told
		w := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook})
		other := newWorld(t, st, dispatcher.Config{OnOperational: hook.hook, Transport: w.net})
		ep := w.endpoint("watcher", status(200), "webhook.*")
		defer w.run()()
		st.setFault(func(call string, after bool) error {
			if call == "publish" && after { // it is written, and the answer is lost
				return store.ErrUnknown
			}
			return nil
		})
		op := webhook.Operational{
			Type: webhook.TypeEndpointPaused, Tenant: "acme", At: time.Now(), Cause: "7",
			Snapshot: webhook.Snapshot{EndpointID: ep.ID, Host: "watcher.example"},
		}
		w.Report(op)
		time.Sleep(time.Minute)
		st.setFault(nil)
		w.Report(op)
		other.Report(op)
		time.Sleep(time.Minute)
		want(t, "calls of the hooks", len(hook.types()), 1)
		want(t, "operational events at the watcher", len(w.received(ep.URL)), 1)
		op.Cause = "8"
		other.Report(op)
		time.Sleep(time.Minute)
		want(t, "calls of the hooks after another cause", len(hook.types()), 2)
	})
}

// A hook that never returns, or that panics, holds up nobody.
func TestHookHurtsNobody(t *testing.T) {
	for name, hook := range map[string]func(chan struct{}){
		"blocks": func(free chan struct{}) { <-free },
		"panics": func(chan struct{}) { panic("the host's mistake") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				defer close(free)
				calls := 0
				w := newWorld(t, nil, dispatcher.Config{OnOperational: func(context.Context, webhook.Operational) {
					calls++
					hook(free)
				}})
				ep := w.create(webhook.Endpoint{
					Tenant: "acme", URL: "https://bad.example/", EventTypes: []string{"a.b"},
					Retry: webhook.RetryPolicy{MaxAttempts: 1, Initial: time.Second}, AutoPauseAfter: -1,
				}, status(500))
				good := w.endpoint("good", status(200), "a.b")
				watcher := w.endpoint("watcher", status(200), "webhook.delivery.failed")
				stop := w.run()
				const n = 20
				w.publish(n, "a.b")
				time.Sleep(2 * time.Hour) // most are probes of an open breaker, up to 5 minutes apart
				want(t, "failed deliveries", w.deliveries(ep.ID)[webhook.DeliveryFailed], n)
				want(t, "deliveries to another endpoint", w.deliveries(good.ID)[webhook.DeliveryDelivered], n)
				want(t, "operational events to the endpoint", len(w.received(watcher.URL)), n)
				if name == "panics" {
					want(t, "calls of a hook that panics", calls, n)
				} else {
					want(t, "calls of a hook that never returns", calls, 1)
				}
				began := time.Now()
				stop()
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("Run returned after %v; want it not to wait for a hook that never returns", took)
				}
			})
		})
	}
}

// What a hook has not taken is bounded.
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		calls := 0
		w := newWorld(t, nil, dispatcher.Config{OnOperational: func(context.Context, webhook.Operational) {
			<-free
			calls++
		}})
		for i := range 20_000 {
			w.Report(webhook.Operational{
				Type: webhook.TypeEndpointPaused, Tenant: "acme", Cause: fmt.Sprint(i),
				Snapshot: webhook.Snapshot{EndpointID: "ep_1", Host: "a.example"},
			})
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		close(free)
		synctest.Wait()
		if calls < 1000 || calls > 5000 {
			t.Errorf("%d of 20,000 reports reached a hook that was blocked; want some 4,000", calls)
		}
	})
}
