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
)

// shell is a scheduler whose hooks only take note.
type shell struct {
	*schedule.Scheduler
	spawned  int
	loading  []store.Lane
	released []string
	gate     store.Gate
	settled  []string
}

func newShell(slots int) *shell {
	s := &shell{}
	s.Scheduler = schedule.New(slots, schedule.Hooks{
		Spawn: func() { s.spawned++ },
		Load:  func(key store.Lane) { s.loading = append(s.loading, key) },
		Release: func(jobs []*schedule.Job, gate store.Gate) {
			for _, j := range jobs {
				s.released = append(s.released, j.Delivery)
			}
			s.gate = gate
		},
		Settle: func(out *schedule.Settling) { s.settled = append(s.settled, out.Job.Delivery) },
		Wake:   func() {},
		Alarm:  func() {},
	})
	return s
}

func key(endpoint string) store.Lane { return store.Lane{Tenant: "acme", Endpoint: endpoint} }

var config = lane.Config{StartInFlight: 8, MaxInFlight: 8}

// load makes lanes of endpoints that have answered before.
func (s *shell) load(t *testing.T, endpoints ...string) {
	t.Helper()
	for _, ep := range endpoints {
		if !s.Loaded(key(ep), &send.Route{Revision: 1}, config, lane.Health{Answered: true}) {
			t.Fatalf("Loaded(%s) = false, want true: nothing has changed", ep)
		}
	}
}

// publish hands over one delivery, named for its endpoint.
func (s *shell) publish(t *testing.T, endpoint string, n int) {
	t.Helper()
	delivery := fmt.Sprint(endpoint, n)
	if !s.Reserve(key(endpoint), delivery, "", 100) {
		t.Fatalf("Reserve(%s) = false, want a place in an empty lane", delivery)
	}
	s.Push([]*schedule.Job{jobOf(endpoint, n)})
}

func jobOf(endpoint string, n int) *schedule.Job {
	return &schedule.Job{
		Claimed:  store.Claimed{Tenant: "acme", Endpoint: endpoint, Delivery: fmt.Sprint(endpoint, n), Claim: 1},
		Reserved: 100,
	}
}

func (s *shell) drain() (started []string) {
	for j := s.Next(); j != nil; j = s.Next() {
		started = append(started, j.Delivery)
	}
	return started
}

func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		for _, ep := range []string{"a", "b"} {
			for n := range 3 {
				s.publish(t, ep, n)
			}
		}
		if diff := cmp.Diff([]store.Lane{key("a"), key("b")}, s.loading); diff != "" {
			t.Errorf("lanes to load (-want +got):\n%s", diff)
		}
		if got := s.drain(); got != nil || s.spawned != 0 {
			t.Errorf("before the lanes are loaded: started %v by %d workers, want nothing", got, s.spawned)
		}
		s.load(t, "a", "b")
		if got := s.drain(); got != nil {
			t.Errorf("before the lease is certain: started %v, want nothing", got)
		}
		s.Certain(time.Now().Add(time.Minute))
		if diff := cmp.Diff([]string{"a0", "b0", "a1", "b1", "a2", "b2"}, s.drain()); diff != "" {
			t.Errorf("started (-want +got):\n%s", diff)
		}
	})
}

func TestChangedTakesBackWhatWasNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		s.Certain(time.Now().Add(time.Minute))
		s.publish(t, "a", 0)
		s.publish(t, "a", 1)
		s.load(t, "a")
		j := s.Next()
		paused := config
		paused.Paused = true
		s.Changed(key("a"), 2, paused)
		if diff := cmp.Diff([]string{"a1"}, s.released); diff != "" {
			t.Errorf("released by a pause (-want +got):\n%s", diff)
		}
		if want := (store.Gate{Tenant: "acme", Endpoint: "a", Revision: 2}); s.gate != want {
			t.Errorf("gate = %+v, want %+v: not before the endpoint changes again", s.gate, want)
		}
		if s.Current(j) {
			t.Errorf("Current = true for a job that was started before the pause: it would be sent after it")
		}
		s.Finish(j, lane.Neutral, &schedule.Settling{Job: j, Sent: true})
		if diff := cmp.Diff([]string{"a0"}, s.settled); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
	})
}

func TestUnknownIsWhatNobodyHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		s.Certain(time.Now().Add(time.Minute))
		s.publish(t, "a", 0)
		s.load(t, "a")
		rows := []store.Held{{Delivery: "a0", Claim: 1}, {Delivery: "a0", Claim: 2}, {Delivery: "x", Claim: 1}}
		lost := []store.Held{{Delivery: "a0", Claim: 2}, {Delivery: "x", Claim: 1}}
		if diff := cmp.Diff(lost, s.Unknown(rows)); diff != "" {
			t.Errorf("Unknown (-want +got):\n%s", diff)
		}
		j := s.Next()
		s.Finish(j, lane.Succeeded, &schedule.Settling{Job: j, Sent: true})
		if got := s.Unknown(rows[:1]); got != nil {
			t.Errorf("Unknown before it is settled = %v, want none: its outcome is on the way", got)
		}
		s.Settled([]*schedule.Job{j})
		if got := s.Unknown(rows[:1]); len(got) != 1 {
			t.Errorf("Unknown after it is settled = %v, want the row", got)
		}
	})
}

func TestSlotsAreHeldUntilSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(2)
		s.Certain(time.Now().Add(time.Minute))
		for _, ep := range []string{"a", "b", "c"} {
			s.publish(t, ep, 0)
		}
		s.load(t, "a", "b", "c")
		if s.spawned != 2 {
			t.Fatalf("spawned %d workers for 3 lanes, want the 2 slots", s.spawned)
		}
		first, second := s.Next(), s.Next()
		for _, j := range []*schedule.Job{first, second} {
			s.Finish(j, lane.Succeeded, &schedule.Settling{Job: j, Sent: true})
		}
		if j := s.Next(); j != nil {
			t.Errorf("Next = %s while two outcomes are not written, want nothing: a store that is down must stop sending", j.Delivery)
		}
		s.Next() // the second worker ends
		s.Settled([]*schedule.Job{first, second})
		if s.spawned != 3 {
			t.Errorf("spawned %d workers, want a third once the outcomes are written", s.spawned)
		}
		if j := s.Next(); j == nil {
			t.Errorf("Next = nothing, want what waited for a slot")
		}
	})
}
