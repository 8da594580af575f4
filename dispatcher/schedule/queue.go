package schedule

import (
	"slices"

	"github.com/postrider/postrider/webhook"
)

// jobQueue is what a lane has in memory and has not started: by priority, and
// first in, first out among equals. What a process died with stands apart, because
// it may have to wait while the rest need not.
type jobQueue struct {
	ranks   [webhook.Priorities][]*Job
	crashed []*Job
	// taken counts what was taken while there was a choice of priorities.
	taken int
}

// How often a start is for a lower rank, if there is one: every eighth for what is
// low, and every fourth for what is normal.
const (
	lowEvery    = 8
	normalEvery = 4
)

func (q *jobQueue) len() int {
	return len(q.ranks[0]) + len(q.ranks[1]) + len(q.ranks[2]) + len(q.crashed)
}

func (q *jobQueue) add(j *Job) {
	if j.Crashes > 0 {
		q.crashed = append(q.crashed, j)
	} else {
		rank := j.Priority.Rank()
		q.ranks[rank] = append(q.ranks[rank], j)
	}
}

// take removes the next job: one that a process died with if it is admitted,
// else another. It returns nil if there is only what is not admitted.
func (q *jobQueue) take(admits func(*Job) bool) *Job {
	if len(q.crashed) > 0 && admits(q.crashed[0]) {
		return shift(&q.crashed)
	}
	return shift(&q.ranks[q.next()])
}

// next returns whose turn it is.
func (q *jobQueue) next() (rank int) {
	best, others := 0, 0
	for r := len(q.ranks) - 1; r >= 0; r-- {
		if len(q.ranks[r]) > 0 {
			best = r
			others++
		}
	}
	if others < 2 {
		return best
	}
	q.taken++
	const normal, low = 1, 2
	switch {
	case q.taken%lowEvery == 0 && len(q.ranks[low]) > 0:
		return low
	case q.taken%normalEvery == 0 && len(q.ranks[normal]) > 0:
		return normal
	}
	return best
}

// last removes up to n jobs from the end, those of low priority first.
func (q *jobQueue) last(n int) (rest []*Job) {
	for rank := len(q.ranks) - 1; rank >= 0 && n > 0; rank-- {
		jobs := q.ranks[rank]
		keep := max(len(jobs)-n, 0)
		n -= len(jobs) - keep
		rest = append(rest, jobs[keep:]...)
		clear(jobs[keep:])
		q.ranks[rank] = jobs[:keep]
	}
	return rest
}

// all removes all jobs.
func (q *jobQueue) all() []*Job {
	rest := slices.Concat(q.ranks[0], q.ranks[1], q.ranks[2], q.crashed)
	*q = jobQueue{taken: q.taken}
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
