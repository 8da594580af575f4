package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// together returns the job that stands for a request with several deliveries, which
// are put into the order that they always have: that of publishing where it matters,
// and else one that is the same whether a delivery was handed over or claimed.
func together(members []*Job) *Job {
	slices.SortFunc(members, func(a, b *Job) int {
		switch {
		case a.Ordered && b.Ordered:
			return cmp.Compare(a.Seq, b.Seq)
		case a.Ordered != b.Ordered:
			if a.Ordered {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Delivery, b.Delivery)
	})
	first := members[0]
	j := &Job{
		Claimed: store.Claimed{Tenant: first.Tenant, Endpoint: first.Endpoint, Batch: first.Batch},
		Members: members, lane: first.lane, since: first.since,
	}
	for _, m := range members {
		j.Crashes = max(j.Crashes, m.Crashes)
	}
	return j
}

// size returns how many bytes the job's message has, as far as that is known.
func (j *Job) size() int {
	if j.Message == nil {
		return 0
	}
	return j.Message.Size()
}

// ranks returns how many deliveries of each rank the job has.
func (j *Job) ranks() (of lane.Ranks) {
	if j.Members == nil {
		of[j.Priority.Rank()] = 1
		return of
	}
	for _, m := range j.Members {
		of[m.Priority.Rank()]++
	}
	return of
}

// pushBound queues what is bound to batches, all that came of each together.
func (s *Scheduler) pushBound(jobs []*Job) {
	batches := make(map[store.BatchKey][]*Job)
	var order []store.BatchKey
	for _, j := range jobs {
		key := store.BatchKey{Tenant: j.Tenant, ID: j.Batch}
		if batches[key] == nil {
			order = append(order, key)
		}
		batches[key] = append(batches[key], j)
	}
	for _, key := range order {
		j := together(batches[key])
		j.lane.queue.add(j)
		s.list(j.lane)
	}
}

// ripe reports whether the lane's loose jobs may be sent, or should rather wait for
// others to go with them.
func (l *laneShell) ripe(now time.Time) bool {
	if l.Batch() <= 1 {
		return l.queue.loose() > 0
	}
	return l.Ripe(now, l.queue.loose(), l.queue.bytes, l.queue.oldest())
}

// startable reports whether there is something that may start, as far as the queue is
// concerned, and whether loose jobs are part of it.
func (l *laneShell) startable(now time.Time) (any, loose bool) {
	loose = l.ripe(now)
	if l.Batch() > 1 {
		l.Gather(l.queue.upcoming(loose, l.Batch()))
	} else {
		l.Gather(0)
	}
	return loose || len(l.queue.batches)+len(l.queue.crashed)+len(l.queue.keyed.ready) > 0, loose
}

// wakeAt returns when the lane may have something to do by the passing of time alone.
func (l *laneShell) wakeAt(now time.Time) time.Time {
	at := l.Alarm(now)
	if l.Batch() <= 1 || l.queue.loose() == 0 || l.Shut(now) || l.ripe(now) {
		return at
	}
	if ripe := l.RipeAt(l.queue.oldest()); at.IsZero() || ripe.Before(at) {
		return ripe
	}
	return at
}

// Keep makes a batch that was started, and is not bound, one of its first n members.
// The others wait for the next, ahead of all else.
func (s *Scheduler) Keep(j *Job, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := j.lane
	rest := j.Members[n:]
	j.Members = j.Members[:n:n]
	if s.closed {
		return // the rows go back when the lease is resigned
	}
	for _, m := range rest {
		l.Restore(m.Priority.Rank())
	}
	l.queue.restore(rest)
	if l.Shut(clock.Now()) {
		s.apply(l, lane.Effect{Release: true})
	}
	s.list(l)
	s.staff()
}

// Marked reports whether a delivery that has started was canceled.
func (s *Scheduler) Marked(j *Job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(j)
	return j.Canceled
}
