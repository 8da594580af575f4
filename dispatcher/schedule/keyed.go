package schedule

import (
	"cmp"
	"slices"
)

// keyedQueue is what a lane holds of ordered deliveries: a line for each ordering
// key, of which one is under way at a time. The store gives a key's rows out from
// the first on, and none while others are leased, so a line is all of its key that
// there is to start.
type keyedQueue struct {
	lines map[string]*keyLine
	// ready are the lines whose first delivery may start, in turn.
	ready []*keyLine
	// queued counts what has not started.
	queued int
}

// keyLine is what is held of one key.
type keyLine struct {
	key  string
	jobs []*Job // by Seq, without the one under way
	// busy says that one is under way, ready that the line is in its queue's list.
	busy, ready bool
	// held counts what is leased: also what has ended and is not settled yet.
	held int
}

// idle reports whether no ordered delivery is held.
func (q *keyedQueue) idle() bool { return len(q.lines) == 0 }

func (q *keyedQueue) add(j *Job) {
	l := q.lines[j.Key]
	if l == nil {
		if q.lines == nil {
			q.lines = make(map[string]*keyLine)
		}
		l = &keyLine{key: j.Key}
		q.lines[j.Key] = l
	}
	j.keyed = true
	l.held++
	q.queued++
	at, _ := slices.BinarySearchFunc(l.jobs, j.Seq, func(o *Job, seq int64) int { return cmp.Compare(o.Seq, seq) })
	l.jobs = slices.Insert(l.jobs, at, j)
	q.list(l)
}

// list puts a line that may start something to the back of the list.
func (q *keyedQueue) list(l *keyLine) {
	if !l.ready && !l.busy && len(l.jobs) > 0 {
		l.ready = true
		q.ready = append(q.ready, l)
	}
}

// take removes the first job of the next line whose first job is admitted, or
// returns nil. Nothing else of its key starts before it has ended.
func (q *keyedQueue) take(admits func(*Job) bool) *Job {
	for range len(q.ready) {
		l := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		l.ready = false
		if !admits(l.jobs[0]) {
			q.list(l)
			continue
		}
		l.busy = true
		q.queued--
		return shift(&l.jobs)
	}
	return nil
}

// ended records that a job that was started has ended. If the next of its key may
// not go yet, it removes and returns what is left of the line.
func (q *keyedQueue) ended(j *Job, next bool) []*Job {
	l := q.lines[j.Key]
	l.busy = false
	if next {
		q.list(l)
		return nil
	}
	return q.drain(l)
}

// drain removes what has not started of a line that is not in the list.
func (q *keyedQueue) drain(l *keyLine) []*Job {
	rest := l.jobs
	l.jobs = nil
	q.queued -= len(rest)
	return rest
}

// all removes all that has not started.
func (q *keyedQueue) all() []*Job {
	var rest []*Job
	for _, l := range q.lines {
		rest = append(rest, q.drain(l)...)
		l.ready = false
	}
	q.ready = nil
	// In order, so that a seed gives the same calls each time.
	slices.SortFunc(rest, bySeq)
	return rest
}

func bySeq(a, b *Job) int { return cmp.Compare(a.Seq, b.Seq) }

// last removes up to n jobs from the ends of lines, the latest first, and none that
// is a line's first: who is given back after others of its key makes them wait.
func (q *keyedQueue) last(n int) []*Job {
	var rest []*Job
	for _, l := range q.lines {
		if len(l.jobs) > 1 {
			rest = append(rest, l.jobs[1:]...)
		}
	}
	slices.SortFunc(rest, bySeq)
	rest = rest[max(0, len(rest)-n):]
	for _, j := range slices.Backward(rest) {
		l := q.lines[j.Key]
		end := len(l.jobs) - 1
		l.jobs[end] = nil
		l.jobs = l.jobs[:end]
	}
	q.queued -= len(rest)
	return rest
}

// forget is told that a job is not held any more, and reports whether it was the
// last of its key: the store may have more of the key to give now.
func (q *keyedQueue) forget(j *Job) bool {
	l := q.lines[j.Key]
	if l == nil {
		return false
	}
	if l.held--; l.held > 0 {
		return false
	}
	delete(q.lines, j.Key)
	return true
}
