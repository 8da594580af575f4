package dispatcher_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// stranded returns how many deliveries the log says that lost replies had stranded.
func stranded(logged *observer.ObservedLogs) (n int64) {
	for _, entry := range logged.FilterMessageSnippet("a lost reply had stranded").All() {
		n += entry.ContextMap()["deliveries"].(int64)
	}
	return n
}

// TestReconcileWhileOutcomesAreWritten settles a delivery while the list of what the
// process has leased is on its way to it.
func TestReconcileWhileOutcomesAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		core, logged := observer.New(zap.InfoLevel)
		w := newWorld(t, st, dispatcher.Config{Logger: zap.New(core)})
		listed := make(chan struct{})
		w.endpoint("slow", func(context.Context, int, *transport.Request) (*transport.Response, error) {
			<-listed
			return &transport.Response{StatusCode: 200}, nil
		})
		defer w.run()()
		r := w.publish(1, "a.b")[0]
		var once sync.Once
		st.setFault(func(call string, after bool) error {
			if call == "held" && after {
				once.Do(func() { close(listed) })
				time.Sleep(time.Second)
			}
			return nil
		})
		wait(15 * time.Second)
		want(t, "status", w.only(r).Status, webhook.DeliveryDelivered)
		want(t, "deliveries said to be stranded though no reply was lost", stranded(logged), 0)
	})
}

// TestReconcileFindsWhatALostReplyStranded loses the answer to a claim.
func TestReconcileFindsWhatALostReplyStranded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		core, logged := observer.New(zap.InfoLevel)
		w := newWorld(t, st, dispatcher.Config{Logger: zap.New(core)})
		w.endpoint("ok", status(200))
		defer w.run()()
		ev := event("a.b", 1)
		ev.DeliverAt = time.Now().Add(time.Minute)
		r, err := w.Publish(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		wait(time.Until(ev.DeliverAt) - time.Millisecond)
		lost := false
		st.setFault(func(call string, after bool) error {
			if call == "poll" && after && !lost {
				lost = true
				return store.ErrUnknown
			}
			return nil
		})
		wait(20 * time.Second)
		want(t, "status", w.only(r).Status, webhook.DeliveryDelivered)
		want(t, "deliveries said to be stranded", stranded(logged), 1)
	})
}
