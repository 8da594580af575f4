package schedule

import (
	"container/heap"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// alarms is a heap of the lanes that have something to do at a time, the earliest
// first. Lanes whose rate is not limited are never in it.
type alarms []*laneShell

// Len implements heap.Interface.
func (a alarms) Len() int { return len(a) }

// Less implements heap.Interface.
func (a alarms) Less(i, j int) bool { return a[i].alarm.Before(a[j].alarm) }

// Swap implements heap.Interface.
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].alarmPlace, a[j].alarmPlace = i+1, j+1
}

// Push implements heap.Interface.
func (a *alarms) Push(l any) {
	*a = append(*a, l.(*laneShell))
	(*a)[len(*a)-1].alarmPlace = len(*a)
}

// Pop implements heap.Interface.
func (a *alarms) Pop() any {
	last := len(*a) - 1
	l := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	l.alarmPlace = 0
	return l
}

// first returns the earliest time, or the zero time.
func (a alarms) first() time.Time {
	if len(a) == 0 {
		return time.Time{}
	}
	return a[0].alarm
}

// setAlarm notes when a lane has something to do.
func (s *Scheduler) setAlarm(l *laneShell) {
	at := l.wakeAt(clock.Now())
	if at.Equal(l.alarm) && (l.alarmPlace > 0 || at.IsZero()) {
		return
	}
	before := s.alarms.first()
	l.alarm = at
	switch {
	case at.IsZero() && l.alarmPlace > 0:
		heap.Remove(&s.alarms, l.alarmPlace-1)
	case at.IsZero():
	case l.alarmPlace > 0:
		heap.Fix(&s.alarms, l.alarmPlace-1)
	default:
		heap.Push(&s.alarms, l)
	}
	if first := s.alarms.first(); !first.IsZero() && (before.IsZero() || first.Before(before)) {
		s.hooks.Alarm()
	}
}

// Alarm returns when Due is to be called next: a time in the past is at once, the
// zero time not before something happens.
func (s *Scheduler) Alarm() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return time.Time{}
	}
	return s.alarms.first()
}

// SetBack is told that the clock was set back: times that lanes wait for are of the
// clock before.
func (s *Scheduler) SetBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range slices.Clone(s.alarms) {
		s.list(l)
	}
	s.staff()
}

// Slots is a lane's wish for slots of its rate.
type Slots struct {
	Lane store.Lane
	lane.SlotRequest
}

// Request returns the wish as the store takes it.
func (w *Slots) Request(ahead time.Duration) store.RateRequest {
	return store.RateRequest{
		Tenant: w.Lane.Tenant, Name: w.Lane.Endpoint,
		Interval: w.Interval, Slack: w.Slack, Ahead: max(ahead, w.Ahead), Want: w.Want,
	}
}

// Due lets lanes start deliveries whose slots have come, and returns what slots
// lanes want. Granted or NotGranted takes the answer.
func (s *Scheduler) Due() []Slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	var wishes []Slots
	for !s.closed && len(s.alarms) > 0 && !s.alarms[0].alarm.After(at) {
		l := heap.Pop(&s.alarms).(*laneShell)
		if r, ok := l.Slots(at); ok {
			wishes = append(wishes, Slots{l.key, r})
		}
		s.list(l)
	}
	s.staff()
	return wishes
}

// Granted gives lanes their slots, in the order of the wishes.
func (s *Scheduler) Granted(wishes []Slots, grants []store.RateGrant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	for i, w := range wishes {
		if l := s.lanes[w.Lane]; l != nil {
			l.Granted(at, grants[i].First, w.SlotRequest, grants[i].N)
			s.list(l)
		}
	}
	s.staff()
}

// NotGranted tells lanes that the store could not be asked. They start nothing
// without a slot.
func (s *Scheduler) NotGranted(wishes []Slots) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	for _, w := range wishes {
		if l := s.lanes[w.Lane]; l != nil {
			l.NotGranted(at)
			s.list(l)
		}
	}
}
