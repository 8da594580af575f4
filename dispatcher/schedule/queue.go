package schedule

import "slices"

// jobQueue is what a lane has in memory and has not started, first in, first
// out; what a process died with stands apart, because it may have to wait while
// the rest need not.
type jobQueue struct {
	jobs, crashed []*Job
}

func (q *jobQueue) len() int { return len(q.jobs) + len(q.crashed) }

func (q *jobQueue) add(j *Job) {
	if j.Crashes > 0 {
		q.crashed = append(q.crashed, j)
	} else {
		q.jobs = append(q.jobs, j)
	}
}

// take removes the next job: one that a process died with if it is admitted,
// else another. It returns nil if there is only what is not admitted.
func (q *jobQueue) take(admits func(*Job) bool) *Job {
	if len(q.crashed) > 0 && admits(q.crashed[0]) {
		return shift(&q.crashed)
	}
	return shift(&q.jobs)
}

// last removes up to n jobs from the end.
func (q *jobQueue) last(n int) []*Job {
	keep := max(len(q.jobs)-n, 0)
	rest := slices.Clone(q.jobs[keep:])
	clear(q.jobs[keep:])
	q.jobs = q.jobs[:keep]
	return rest
}

// all removes all jobs.
func (q *jobQueue) all() []*Job {
	rest := append(q.jobs, q.crashed...)
	q.jobs, q.crashed = nil, nil
	return rest
}

func shift(jobs *[]*Job) *Job {
	if len(*jobs) == 0 {
		return nil
	}
	j := (*jobs)[0]
	(*jobs)[0] = nil
	*jobs = (*jobs)[1:]
	return j
}
