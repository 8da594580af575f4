package schedule

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// foreignFor is how long a lane is left alone that another process owns. Whatever
// happens to the owner makes the lane due for others, so this only bounds how often
// they ask in vain.
const foreignFor = time.Second

// ordered reports whether a lane takes from the store by ordering keys, as far as
// this process knows.
func (l *laneShell) ordered() bool { return l.Ordered() || !l.queue.keyed.idle() }

// wantsKeys reports whether a lane with ordered deliveries should ask the store: that
// may have some that it had not, or that were held up, when it was last asked, and
// few that are here could start.
func (l *laneShell) wantsKeys(at time.Time) bool {
	return l.fresh && l.Loaded() && !at.Before(l.foreign) && l.Turn(at) > 0 &&
		(l.Wants(at) || len(l.queue.keyed.ready) < l.Window()/2+1)
}

// tookKeys records what a turn brought. More of the keys that the lane holds may be in
// the store, and shows once they are settled.
func (l *laneShell) tookKeys(asked, got int) {
	if !l.ordered() {
		return
	}
	l.fresh = l.fresh || asked > 0 && got >= asked
	if got > 0 || !l.queue.keyed.idle() {
		l.Unsure()
	}
}

// Foreign is told which lanes were not offered though they asked: others own them.
func (s *Scheduler) Foreign(keys []store.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if l := s.lanes[key]; l != nil {
			l.foreign = clock.Now().Add(foreignFor)
		}
	}
}

// finishKey records that a job has ended. It returns what is held of the rest of its
// key if that must not go yet: after a failure it waits for the retry, or for what
// is to become of the key, which is known once the outcome is written.
func (l *laneShell) finishKey(j *Job, status webhook.DeliveryStatus) []*Job {
	if len(j.Members) == 1 {
		j = j.Members[0]
	}
	if !j.keyed {
		return nil
	}
	return l.queue.keyed.ended(j, status == webhook.DeliveryDelivered || status == webhook.DeliveryCanceled)
}

// forgetKey notes that an ordered job is not held any more, and asks the store for
// what may follow.
func (s *Scheduler) forgetKey(j *Job) {
	l := j.lane
	if !j.Ordered || j.keyed && !l.queue.keyed.forget(j) || s.lanes[l.key] != l {
		return
	}
	l.fresh = true
	s.feed(l)
}
