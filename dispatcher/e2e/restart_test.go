package e2e_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// restartLimit is how soon a dispatcher that takes a file over delivers: within two
// seconds on a machine with nothing else to do, and long before the lease of the one
// before, of 30 seconds, would have ended.
const restartLimit = 10 * time.Second

// A dispatcher that starts on a file that another has left sends what waits at
// once, and retries when they are due.
func testRestartDeliversAtOnce(t *testing.T) {
	path := databaseFile(t)
	ok := newReceiver(t, nil)
	flaky := newReceiver(t, failFirst)
	const wait = time.Second
	st := openStore(t, path)
	first := newHost(t, st, dispatcher.Config{})
	first.create(webhook.Endpoint{URL: ok.URL, EventTypes: []string{"a"}})
	first.create(webhook.Endpoint{URL: flaky.URL, EventTypes: []string{"b"}, Retry: webhook.RetryPolicy{
		Schedule: []time.Duration{0, wait}, Jitter: -1,
	}})
	stop := first.start()
	retried := first.publish(event("b", 1))
	eventually(t, "the first attempt is not written", func() bool {
		list := first.deliveries(tenant, store.DeliveryFilter{Event: retried.EventID})
		return len(list) == 1 && list[0].Attempts == 1
	})
	due := first.deliveries(tenant, store.DeliveryFilter{Event: retried.EventID})[0].NextAttemptAt
	stop()
	first.publish(event("a", 1)) // nobody delivers
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	second := newHost(t, openStore(t, path), dispatcher.Config{})
	second.start()
	eventually(t, "nothing arrives after the restart", func() bool { return len(ok.got()) > 0 })
	if took := ok.got()[0].at.Sub(began); took > restartLimit {
		t.Errorf("first delivery %v after the restart; want at most %v", took, restartLimit)
	}
	eventually(t, "the retry is not made", func() bool { return len(flaky.got()) > 1 })
	at := flaky.got()[1].at
	// The loop looks again when the row falls due.
	if late := at.Sub(due); late < 0 || late > time.Second && at.Sub(began) > restartLimit {
		t.Errorf("retry came %v after it was due; want not before, and at most a second late", late)
	}
	t.Logf("first delivery after %v, retry %v after it was due", ok.got()[0].at.Sub(began), at.Sub(due))
}

// One process at a time delivers from a file; the next stands by and takes over.
func TestSecondRunStandsByAndTakesOver(t *testing.T) {
	t.Parallel()
	path := databaseFile(t)
	rc := newReceiver(t, nil)
	first := newHost(t, openStore(t, path), dispatcher.Config{})
	first.create(webhook.Endpoint{URL: rc.URL})
	stopFirst := first.start()
	before := first.publish(event("a", 1))
	eventually(t, "the first does not deliver", func() bool { return rc.byID()[before.EventID] == 1 })

	core, logged := observer.New(zap.InfoLevel)
	second := newHost(t, openStore(t, path), dispatcher.Config{Logger: zap.New(core)})
	second.start()
	standsBy := "another process delivers from this store; standing by"
	eventually(t, "the second does not say that it stands by", func() bool { return logged.FilterMessage(standsBy).Len() == 1 })
	if _, err := second.Store().Acquire(t.Context(), time.Now(), store.Process{}, time.Minute); !errors.Is(err, store.ErrLeaseHeld) {
		t.Errorf("Acquire while the first runs = %v; want ErrLeaseHeld", err)
	}
	held := second.publish(event("a", 2)) // the first delivers it
	eventually(t, "what the second publishes is not delivered", func() bool { return rc.byID()[held.EventID] == 1 })

	stopFirst()
	began := time.Now()
	after := second.publish(event("a", 3))
	eventually(t, "the second does not take over", func() bool { return rc.byID()[after.EventID] > 0 })
	t.Logf("taken over after %v", time.Since(began))
	eventually(t, "deliveries are not settled", func() bool {
		return second.count(store.DeliveryFilter{}, webhook.DeliveryDelivered) == 3
	})
	for id, n := range rc.byID() {
		want(t, "arrivals of "+id, n, 1)
	}
	want(t, "times that the second said it stands by", logged.FilterMessage(standsBy).Len(), 1)
}
