package dispatcher_test

import (
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// checkOrder counts what arrived out of order at the endpoints that keep it.
func (s *simulation) checkOrder() {
	for i := range simOrder {
		url := fmt.Sprintf("https://e%d.example/", i)
		for key, published := range s.keyed {
			q := &sequence{published: published}
			for _, id := range s.order[url] {
				q.arrive(id)
			}
			if late := q.inversions(); len(late) > 0 {
				s.t.Errorf("%s, key %s: %d of %d events arrived after one that was published later: %v", url, key, len(late), len(published), late)
			}
		}
	}
}

// settleDown waits until nothing is pending.
func (s *simulation) settleDown() {
	for range 2 * 60 * 60 {
		wait(time.Second)
		pending, err := s.store.ListDeliveries(s.t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(pending) == 0 {
			return
		}
		s.redeliverFailed()
	}
	s.t.Errorf("deliveries are still pending two hours after everything healed")
}

// redeliverFailed redelivers what may hold up its key.
func (s *simulation) redeliverFailed() {
	failed, err := s.store.ListDeliveries(s.t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryFailed}, store.Page{Limit: store.MaxPage})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range failed {
		if err := s.store.Redeliver(s.t.Context(), time.Now(), "acme", d.ID); err != nil {
			s.t.Fatal(err)
		}
	}
}

// check compares the ledger with what arrived and with the store (I1 to I6).
func (s *simulation) check() {
	if most := inAnySecond(s.limited); most > limitedRate+1 {
		s.t.Errorf("%d attempts in a second at an endpoint that takes %d", most, limitedRate)
	}
	if len(s.acked) == 0 || s.faults == 0 || s.crashes == 0 && s.faults < 10 {
		s.t.Logf("a quiet seed: %d acknowledged, %d faults, %d crashes", len(s.acked), s.faults, s.crashes)
	}
	byData := map[string]string{}
	for id, body := range s.bodies {
		byData[body] = id
	}
	for key, r := range s.acked {
		ds, err := s.store.ListDeliveries(s.t.Context(), "acme", store.DeliveryFilter{Event: r.EventID}, store.Page{})
		if err != nil || len(ds) != simEndpoints {
			s.t.Fatalf("acknowledged event %s has %d deliveries (%v), want %d", key, len(ds), err, simEndpoints)
		}
		for _, d := range ds {
			ep, err := s.store.Endpoint(s.t.Context(), "acme", d.EndpointID)
			if err != nil {
				s.t.Fatal(err)
			}
			answered := s.accepted[ep.URL+r.EventID]
			attempts, err := s.store.Attempts(s.t.Context(), "acme", d.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			at, done := s.canceled[d.ID]
			switch {
			case done && (d.Status != webhook.DeliveryCanceled || s.latest[ep.URL+r.EventID].After(at.Add(onItsWay))):
				s.t.Errorf("%s to %s was canceled at %v, is %s, and arrived at %v", r.EventID, ep.URL, at, d.Status, s.latest[ep.URL+r.EventID])
			case d.Status == webhook.DeliveryCanceled && d.Reason == webhook.ReasonCanceledByHand && s.asked[r.EventID]:
			case d.Status == webhook.DeliveryDelivered && answered == 0:
				s.t.Errorf("%s is delivered to %s, which never accepted it", r.EventID, ep.URL)
			case d.Status != webhook.DeliveryDelivered && d.Status != webhook.DeliveryFailed:
				s.t.Errorf("%s to %s ended as %s (%s): acknowledged, and neither delivered nor visibly failed", r.EventID, ep.URL, d.Status, d.Reason)
			case d.Attempts != len(attempts):
				s.t.Errorf("%s counts %d attempts and has %d", d.ID, d.Attempts, len(attempts))
			}
			for i, a := range attempts {
				if a.N != i+1 {
					s.t.Errorf("%s: attempt %d is numbered %d", d.ID, i+1, a.N)
				}
			}
		}
	}
	for _, body := range s.bodies {
		for key := range s.refused {
			if body != "" && containsKey(body, key) {
				s.t.Errorf("an event whose publish was refused (%s) was delivered", key)
			}
		}
	}
	ids := map[string]string{}
	for id, body := range s.bodies {
		for key := range s.acked {
			if containsKey(body, key) {
				if other, twice := ids[key]; twice {
					s.t.Errorf("one event was delivered under two ids, %s and %s", id, other)
				}
				ids[key] = id
			}
		}
	}
	s.checkOrder()
	want(s.t, "statistics: deliveries delivered", s.counted(), s.delivered())
}

func containsKey(body, key string) bool {
	n := len(key)
	return len(body) > n+2 && body[len(body)-n-2:len(body)-2] == key
}

// counted is how many deliveries the statistics say were delivered.
func (s *simulation) counted() (n int64) {
	stats, err := s.store.Stats(s.t.Context(), "acme", store.StatScope{}, time.Now().Add(-24*time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, st := range stats {
		n += st.Counts.Delivered
	}
	return n
}

func (s *simulation) delivered() (n int64) {
	for after := ""; ; {
		ds, err := s.store.ListDeliveries(s.t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryDelivered}, store.Page{After: after, Limit: 1000})
		if err != nil {
			s.t.Fatal(err)
		}
		n += int64(len(ds))
		if len(ds) < 1000 {
			return n
		}
		after = ds[len(ds)-1].ID
	}
}
