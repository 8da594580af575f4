package schedule_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
)

// full returns a scheduler whose only lane has just loaded, works fast, and has
// no place left.
func full(t *testing.T) *shell {
	t.Helper()
	s := newShell(100)
	s.Certain(time.Now().Add(time.Minute))
	for n := range 600 {
		s.publish(t, "a", n)
		if n == 0 {
			s.load(t, "a")
		}
		j := s.Next()
		s.Finish(j, lane.Succeeded, &schedule.Settling{Job: j, Sent: true})
		s.Settled([]*schedule.Job{j})
	}
	for n := 600; ; n++ {
		if !s.Reserve(key("a"), fmt.Sprint("a", n), "", 100) {
			break
		}
		s.Push([]*schedule.Job{jobOf("a", n)})
	}
	s.Turn(key("a"), 1)
	s.Took(key("a"), store.Turn{Max: 1}, store.Ranks{}) // nothing is in the store
	return s
}

func TestReserveSoonWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := full(t)
		got := make(chan bool, 2)
		go func() { got <- s.ReserveSoon(key("a"), "first", "", 100) }()
		synctest.Wait()
		go func() { got <- s.ReserveSoon(key("a"), "second", "", 100) }()
		synctest.Wait()
		began := time.Now()
		s.Next() // makes room for one
		if !<-got {
			t.Error("ReserveSoon = false after a place became free, want true")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, want the place at once", took)
		}
		if <-got {
			t.Error("ReserveSoon = true for the second, and only one place became free")
		}
		if took := time.Since(began); took != lane.Moment {
			t.Errorf("the second gave up after %v, want %v", took, lane.Moment)
		}
		s.Next()
		if !s.Reserve(key("a"), "third", "", 100) {
			t.Error("Reserve = false, want the place that nobody waits for any more")
		}

		for _, id := range []string{"first", "third"} {
			s.Unreserve(key("a"), id, "", 100)
		}
		s.Close()
		s.AwaitReserved() // hangs if who gave up still counts
	})
}

func TestReserveSoonDoesNotWaitForALaneThatIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := full(t)
		paused := config
		paused.Paused = true
		s.Changed(key("a"), 2, paused)
		began := time.Now()
		if s.ReserveSoon(key("a"), "x", "", 100) || time.Since(began) != 0 {
			t.Errorf("ReserveSoon of a paused lane came back after %v, want false at once", time.Since(began))
		}
	})
}

func TestReserveSoonWaitsForALaneToLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(100)
		for n := 0; s.Reserve(key("a"), fmt.Sprint("a", n), "", 100); n++ {
			s.Push([]*schedule.Job{jobOf("a", n)})
		}
		s.Turn(key("a"), 1)
		s.Took(key("a"), store.Turn{Max: 1}, store.Ranks{})
		got := make(chan bool)
		go func() { got <- s.ReserveSoon(key("a"), "x", "", 100) }()
		synctest.Wait()
		if !s.Loaded(key("a"), &send.Route{Revision: 1}, config, lane.Health{Answered: true}) {
			t.Fatal("Loaded = false")
		}
		if !<-got {
			t.Error("ReserveSoon = false, want the place that a loaded lane has")
		}
	})
}

func TestReserveSoonEndsWithTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := full(t)
		got := make(chan bool)
		go func() { got <- s.ReserveSoon(key("a"), "x", "", 100) }()
		synctest.Wait()
		s.Close()
		if <-got {
			t.Error("ReserveSoon = true after Close: the delivery would be leased to a process that sends no more")
		}
	})
}
