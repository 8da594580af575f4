package dispatcher_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// answers replaces the receiver of an endpoint.
func (w *world) answers(ep webhook.Endpoint, h receiver) {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	w.net.handlers[ep.URL] = h
}

// since returns what arrived at a time or later.
func since(got []arrival, at time.Time) []arrival {
	i := slices.IndexFunc(got, func(a arrival) bool { return !a.at.Before(at) })
	return got[max(i, 0):]
}

// awaitRecovery waits until an endpoint has taken a first delivery, and returns when
// it arrived.
func (w *world) awaitRecovery(ep webhook.Endpoint, from time.Time) time.Time {
	w.t.Helper()
	for range 2 * 600 {
		wait(500 * time.Millisecond)
		if got := since(w.net.to(ep.URL), from); len(got) > 0 && !got[0].at.Before(from) {
			return got[0].at
		}
	}
	w.t.Fatal("nothing was tried for ten minutes after the endpoint came back")
	return time.Time{}
}

// wantRamp checks that the rate rises from one a second and doubles with each step.
func wantRamp(t *testing.T, counts []int, top int) {
	t.Helper()
	const step = int(lane.RampStep / time.Second)
	for s, n := range counts[:min(8*step, len(counts))] {
		most := min(1<<(s/step), top)
		if n > most+2+most/10 { // probes, of each process, came before; or a slot is late
			t.Errorf("second %d of the recovery: %d deliveries; want %d: %v", s, n, most, counts)
		}
		if n < most/2 {
			t.Errorf("second %d of the recovery: %d deliveries; want %d: the rate does not rise: %v", s, n, most, counts)
		}
	}
}

// TestStormOfOneEndpoint is reliability test F7: an endpoint with 10,000 due comes
// back after ten minutes, and one of two processes dies while the rate still rises.
func TestStormOfOneEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := memstore.New()
		dying := &faultyStore{Store: memory}
		first := newWorld(t, dying, dispatcher.Config{Lease: 6 * time.Second})
		second := newWorld(t, memory, dispatcher.Config{Lease: 6 * time.Second, Transport: first.net})
		second.net = first.net
		const due, limit = 10_000, 50
		ep := first.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://dark.example/", AutoPauseAfter: -1, RateLimit: webhook.RateLimit{PerSecond: limit},
		}, nil)
		defer second.run()()
		ctx, kill := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		synctest.Wait()
		for i := range due {
			if _, err := []*world{first, second}[i%2].Publish(t.Context(), event("a.b", i)); err != nil {
				t.Fatal(err)
			}
		}
		wait(10 * time.Minute)
		back := time.Now()
		first.answers(ep, after(5*time.Millisecond, 200))
		began := second.awaitRecovery(ep, back)
		wait(time.Until(began.Add(4 * lane.RampStep)))
		dying.down.Store(true)
		kill()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Minute)
		got := since(second.net.to(ep.URL), began)
		if most := inAnySecond(got); most > limit*11/10 {
			t.Errorf("%d deliveries in a second; want at most 1.1 times the limit of %d", most, limit)
		}
		wantRamp(t, perSecond(got, began), limit)
		wait(time.Hour) // what was tried while it was dark has its own schedule
		want(t, "delivered", second.deliveries(ep.ID)[webhook.DeliveryDelivered], due)
		h, err := second.manage.Health(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !h.RecoveringSince.IsZero() {
			t.Errorf("recovering since %v after all was delivered; want the recovery to have ended", h.RecoveringSince)
		}
	})
}

// TestStormOfAHost has 200 endpoints of one host and one with a large backlog that
// fail together and come back together, and others that must not notice.
func TestStormOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Entropy: rand.NewChaCha8([32]byte{4})})
		const endpoints, each, many, neighbours = 200, 50, 10_000, 20
		var dark []webhook.Endpoint
		for i := range endpoints {
			dark = append(dark, w.create(webhook.Endpoint{
				Tenant: "acme", URL: fmt.Sprintf("https://dark.example/%d", i), EventTypes: []string{"a.b"}, AutoPauseAfter: -1,
			}, nil))
		}
		dark = append(dark, w.create(webhook.Endpoint{
			Tenant: "acme", URL: "https://dark.example/many", EventTypes: []string{"many"}, AutoPauseAfter: -1,
			RateLimit: webhook.RateLimit{PerSecond: 50},
		}, nil))
		took := make(map[string]time.Duration)
		arrived := func(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
			id := req.Header.Get("Webhook-Id")
			w.net.mu.Lock()
			took[id] = time.Since(webhookTime(t, id))
			w.net.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			return &transport.Response{StatusCode: 200}, nil
		}
		for i := range neighbours {
			w.create(webhook.Endpoint{Tenant: fmt.Sprint("other ", i), URL: fmt.Sprintf("https://n%d.example/", i)}, arrived)
		}
		defer w.run()()
		chat := func(d time.Duration) { // five events a second for all neighbours together
			for n := range int(d / (200 * time.Millisecond)) {
				ev := event("a.b", n)
				ev.Tenant = fmt.Sprint("other ", n%neighbours)
				if _, err := w.Publish(t.Context(), ev); err != nil {
					t.Fatal(err)
				}
				wait(200 * time.Millisecond)
			}
		}
		chat(time.Minute)
		baseline := p99(took)
		clear(took)
		w.publish(each, "a.b")
		w.publish(many, "many")
		chat(10 * time.Minute)
		back := time.Now()
		for _, ep := range dark {
			w.answers(ep, after(5*time.Millisecond, 200))
		}
		chat(6 * time.Minute)
		if got := p99(took); got > baseline*3/2+time.Millisecond {
			t.Errorf("p99 of the neighbours = %v; want at most 1.5 times %v", got, baseline)
		}
		var all []arrival
		for _, ep := range dark {
			all = append(all, since(w.net.to(ep.URL), back)...)
		}
		slices.SortFunc(all, func(a, b arrival) int { return a.at.Compare(b.at) })
		wantNoBurst(t, perSecond(all, all[0].at))
		// What was tried meanwhile has its own schedule.
		for start := time.Now(); w.pending() && time.Since(start) < 24*time.Hour; {
			wait(10 * time.Minute)
		}
		for _, ep := range dark[:endpoints] {
			want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], each)
		}
		want(t, "delivered of the large backlog", w.deliveries(dark[endpoints].ID)[webhook.DeliveryDelivered], many)
	})
}

// wantNoBurst checks that no second has over three times the mean of all.
func wantNoBurst(t *testing.T, counts []int) {
	t.Helper()
	sum, most := 0, slices.Max(counts)
	for _, n := range counts {
		sum += n
	}
	if mean := float64(sum) / float64(len(counts)); float64(most) > 3*mean {
		t.Errorf("%d deliveries in one second, and %.1f a second over the %d seconds of the recovery; want at most three times that", most, mean, len(counts))
	}
}

func p99(took map[string]time.Duration) time.Duration {
	all := make([]time.Duration, 0, len(took))
	for _, d := range took {
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// webhookTime returns when an event was published.
func webhookTime(t *testing.T, id string) time.Time {
	t.Helper()
	at, ok := webhook.PrefixEvent.IDTime(id)
	if !ok {
		t.Fatalf("%q is not the id of an event", id)
	}
	return at
}

// TestOtherProcessesFollowABreaker shows that what one process finds out about an
// endpoint holds in another, which has not sent anything to it.
func TestOtherProcessesFollowABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := siblings(t, 2, dispatcher.Config{})
		ep := ws[0].create(webhook.Endpoint{Tenant: "acme", URL: "https://dark.example/", AutoPauseAfter: -1}, status(200))
		ws[0].create(webhook.Endpoint{Tenant: "acme", URL: "https://slow.example/", EventTypes: []string{"slow"}, Timeout: time.Minute}, after(20*time.Second, 200))
		for _, w := range ws {
			defer w.run()()
		}
		ws[0].publish(1, "a.b")
		ws[1].publish(1, "a.b") // both know that it answers
		ws[1].publish(1, "slow")
		wait(time.Second)
		ws[0].answers(ep, nil)
		ws[0].publish(6, "a.b")
		wait(time.Second)
		before := len(ws[0].net.to(ep.URL))
		ws[1].publish(20, "a.b")
		wait(time.Second)
		want(t, "attempts of a process that has only heard that the endpoint is dead", len(ws[0].net.to(ep.URL))-before, 0)
		ws[0].answers(ep, after(time.Millisecond, 200))
		began := ws[0].awaitRecovery(ep, time.Now())
		wait(20 * time.Second)
		got := since(ws[0].net.to(ep.URL), began)
		wantRamp(t, perSecond(got, began)[:12], 50)
		want(t, "delivered", ws[0].deliveries(ep.ID)[webhook.DeliveryDelivered], 29)
	})
}

// TestRampAfterResume shows that what was held over a pause does not come at once.
func TestRampAfterResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := siblings(t, 2, dispatcher.Config{})
		ep := ws[0].endpoint("held", after(time.Millisecond, 200))
		for _, w := range ws {
			defer w.run()()
		}
		if _, err := ws[0].manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		ws[0].publish(200, "a.b")
		ws[1].publish(200, "a.b")
		wait(time.Minute)
		if _, err := ws[0].manage.Resume(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(40 * time.Second)
		got := ws[0].net.to(ep.URL)
		want(t, "delivered", len(got), 400)
		wantRamp(t, perSecond(got, got[0].at)[:6*int(lane.RampStep/time.Second)], 50)
		// From then on there is no limit.
		ws[0].publish(300, "a.b")
		wait(2 * time.Second)
		want(t, "delivered after the recovery", ws[0].deliveries(ep.ID)[webhook.DeliveryDelivered], 700)
	})
}
