package schedule_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ordered makes the lane of an endpoint that keeps order, of which the store has some.
func (s *shell) ordered(t *testing.T, endpoint string) {
	t.Helper()
	s.Stored(key(endpoint), webhook.PriorityNormal) // begins to load it
	cfg := config
	cfg.Ordered = true
	if !s.Loaded(key(endpoint), &send.Route{Revision: 1}, cfg, lane.Health{Answered: true}) {
		t.Fatalf("Loaded(%s) = false, want true: nothing has changed", endpoint)
	}
	s.Stored(key(endpoint), webhook.PriorityNormal)
}

func (s *shell) wantAsking(t *testing.T, what string, want ...store.Lane) {
	t.Helper()
	if diff := cmp.Diff(want, s.Asking(10)); diff != "" {
		t.Errorf("lanes that ask %s (-want +got):\n%s", what, diff)
	}
}

func TestOrderedLaneAsksAgainAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		s.ordered(t, "a")
		s.wantAsking(t, "once the store has some", key("a"))
		s.Turn(key("a"), 100)
		s.Again([]store.Lane{key("a")})
		s.wantAsking(t, "after a turn that the store did not answer", key("a"))
	})
}

func TestOrderedLaneIsKeptUntilItIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		s.Certain(time.Now().Add(time.Minute))
		s.ordered(t, "a")
		s.wantAsking(t, "once the store has some", key("a"))
		turn := s.Turn(key("a"), 100)
		s.Took(key("a"), turn, store.Ranks{0, 1})
		j := jobOf("a", 0)
		j.Ordered, j.Key, j.Reserved = true, "k", 0
		s.Push([]*schedule.Job{j})
		if s.Next() != j {
			t.Fatal("Next is not the only delivery that there is")
		}
		out := &schedule.Settling{Job: j, Sent: true}
		out.Status = webhook.DeliveryDelivered
		s.Finish(j, lane.Succeeded, out)
		for i := range 1025 { // one more than are remembered without work, and all have some
			s.Reserve(key(fmt.Sprint("busy", i)), fmt.Sprint("busy", i), webhook.PriorityNormal, 1)
		}
		s.Evict()
		s.Settled([]*schedule.Job{j})
		s.wantAsking(t, "once the delivery is settled, since its key may have more", key("a"))
	})
}
