package dispatcher

import "slices"

// jobQueue is what a lane has in memory and has not started, first in, first
// out; what a process died with stands apart, because it may have to wait while
// the rest need not.
type jobQueue struct {
	jobs, crashed []*job
}

func (q *jobQueue) len() int { return len(q.jobs) + len(q.crashed) }

func (q *jobQueue) add(j *job) {
	if j.Crashes > 0 {
		q.crashed = append(q.crashed, j)
	} else {
		q.jobs = append(q.jobs, j)
	}
}

// take removes the next job: one that a process died with if it is admitted,
// else another. It returns nil if there is only what is not admitted.
func (q *jobQueue) take(admits func(*job) bool) *job {
	if len(q.crashed) > 0 && admits(q.crashed[0]) {
		return shift(&q.crashed)
	}
	return shift(&q.jobs)
}

// last removes up to n jobs from the end.
func (q *jobQueue) last(n int) []*job {
	keep := max(len(q.jobs)-n, 0)
	rest := slices.Clone(q.jobs[keep:])
	clear(q.jobs[keep:])
	q.jobs = q.jobs[:keep]
	return rest
}

// all removes all jobs.
func (q *jobQueue) all() []*job {
	rest := append(q.jobs, q.crashed...)
	q.jobs, q.crashed = nil, nil
	return rest
}

func shift(jobs *[]*job) *job {
	if len(*jobs) == 0 {
		return nil
	}
	j := (*jobs)[0]
	(*jobs)[0] = nil
	*jobs = (*jobs)[1:]
	return j
}

// ring is a first-in, first-out list of lanes. A lane has one valid place in all
// rings: the last that it was pushed to.
type ring struct {
	places []place
}

type place struct {
	lane  *laneShell
	order uint64
}

// len returns about how many lanes are in the ring; void places count until
// they are found.
func (r *ring) len() int { return len(r.places) }

func (r *ring) push(l *laneShell) {
	l.listed = true
	l.order++
	r.places = append(r.places, place{l, l.order})
}

func (r *ring) pop() *laneShell {
	for len(r.places) > 0 {
		p := r.places[0]
		r.places[0] = place{}
		r.places = r.places[1:]
		if p.lane.listed && p.order == p.lane.order {
			p.lane.listed = false
			return p.lane
		}
	}
	return nil
}
