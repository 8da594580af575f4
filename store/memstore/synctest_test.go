package memstore_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// TestTimeAdvancesInABubble publishes once an hour for a day while another
// goroutine sleeps until Poll says that something is due. A goroutine of the
// store, or a mutex held over a wait, would stop the bubble's time or outlive it.
func TestTimeAdvancesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		epoch, err := st.Acquire(t.Context(), time.Now(), store.Process{}, 48*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		const hours = 24
		var publisher sync.WaitGroup
		publisher.Go(func() {
			for range hours {
				_, err := st.Publish(t.Context(), time.Now(), []store.Publication{{
					Event: webhook.Event{ID: webhook.NewID(webhook.PrefixEvent), Type: "a", Data: []byte("1")},
					Deliveries: []store.NewDelivery{{
						ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: "ep_1", Due: time.Now().Add(30 * time.Minute),
					}},
				}})
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Hour)
			}
		})
		start := time.Now()
		for got := 0; got < hours; {
			claimed, next, err := st.Poll(t.Context(), time.Now(), epoch, 10, func(store.Waiting) store.Admission {
				return store.Admission{Lease: true}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got += len(claimed); next.IsZero() {
				next = time.Now().Add(time.Minute)
			}
			time.Sleep(time.Until(next))
		}
		if day := time.Since(start); day < 23*time.Hour || day > 25*time.Hour {
			t.Errorf("polling for 24 hourly events took %v of the bubble; want about a day", day)
		}
		publisher.Wait()
	})
}
