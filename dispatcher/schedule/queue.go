package schedule

import (
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/webhook"
)

// jobQueue is what a lane has in memory and has not started: by priority, and
// first in, first out among equals. What a process died with stands apart, because
// it may have to wait while the rest need not, and so do batches that are bound.
type jobQueue struct {
	ranks   [webhook.Priorities][]*Job
	batches []*Job
	crashed []*Job
	// keyed are the ordered ones.
	keyed keyedQueue
	// taken counts what was taken while there was a choice of priorities.
	taken int
	// bytes is the size of the messages in ranks, as far as they are loaded.
	bytes int
}

// How often a start is for a lower rank, if there is one: every eighth for what is
// low, and every fourth for what is normal.
const (
	lowEvery    = 8
	normalEvery = 4
)

// loose returns how many jobs there are that no process died with and no batch has.
func (q *jobQueue) loose() int { return len(q.ranks[0]) + len(q.ranks[1]) + len(q.ranks[2]) }

// empty reports whether there is nothing.
func (q *jobQueue) empty() bool { return q.loose()+len(q.batches)+len(q.crashed)+q.keyed.queued == 0 }

// add puts a job, which may be a batch, at the end.
func (q *jobQueue) add(j *Job) {
	switch {
	case j.Ordered && j.Members == nil:
		q.keyed.add(j)
	case j.Crashes > 0:
		q.crashed = append(q.crashed, j)
	case j.Members != nil:
		q.batches = append(q.batches, j)
	default:
		rank := j.Priority.Rank()
		q.ranks[rank] = append(q.ranks[rank], j)
		q.bytes += j.size()
	}
}

// restore puts jobs that were taken and not started back to the front.
func (q *jobQueue) restore(jobs []*Job) {
	for _, j := range slices.Backward(jobs) {
		rank := j.Priority.Rank()
		q.ranks[rank] = slices.Insert(q.ranks[rank], 0, j)
		q.bytes += j.size()
	}
}

// oldest returns since when the first of the loose jobs is there, if there is one.
func (q *jobQueue) oldest() (since time.Time) {
	for _, jobs := range q.ranks {
		if len(jobs) > 0 && (since.IsZero() || jobs[0].since.Before(since)) {
			since = jobs[0].since
		}
	}
	return since
}

// take removes the next job: one that a process died with if it is admitted, else a
// batch, else another if loose ones may go. It returns nil if there is only what is
// not admitted. Where most is greater than 1, loose jobs go together, so many at
// most.
func (q *jobQueue) take(admits func(*Job) bool, loose bool, most int) *Job {
	if j := q.keyed.take(admits); j != nil {
		if most > 1 { // order allows one at a time, whatever it is sent in
			return together([]*Job{j})
		}
		return j
	}
	switch {
	case len(q.crashed) > 0 && admits(q.crashed[0]):
		j := shift(&q.crashed)
		if most > 1 && j.Members == nil {
			return together([]*Job{j})
		}
		return j
	case len(q.batches) > 0:
		return shift(&q.batches)
	case !loose:
		return nil
	case most > 1:
		return q.takeBatch(most)
	}
	return q.takeOne()
}

func (q *jobQueue) takeOne() *Job {
	j := shift(&q.ranks[q.next()])
	if j != nil {
		q.bytes -= j.size()
	}
	return j
}

// takeBatch removes up to most loose jobs, as far as their size is known not to be
// too much.
func (q *jobQueue) takeBatch(most int) *Job {
	var members []*Job
	for bytes := 0; len(members) < most && q.loose() > 0; {
		j := q.takeOne()
		if bytes += j.size(); bytes > lane.MaxBatchBytes && len(members) > 0 {
			q.restore([]*Job{j})
			break
		}
		members = append(members, j)
	}
	if members == nil {
		return nil
	}
	return together(members)
}

// upcoming returns how many deliveries the next request has.
func (q *jobQueue) upcoming(loose bool, most int) int {
	switch {
	case len(q.keyed.ready) > 0:
		return 1
	case len(q.crashed) > 0:
		return max(len(q.crashed[0].Members), 1)
	case len(q.batches) > 0:
		return len(q.batches[0].Members)
	case !loose:
		return 0
	}
	return min(q.loose(), most)
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

// last removes up to n loose jobs from the end, those of low priority first.
func (q *jobQueue) last(n int) (rest []*Job) {
	for rank := len(q.ranks) - 1; rank >= 0 && n > 0; rank-- {
		jobs := q.ranks[rank]
		keep := max(len(jobs)-n, 0)
		n -= len(jobs) - keep
		rest = append(rest, jobs[keep:]...)
		clear(jobs[keep:])
		q.ranks[rank] = jobs[:keep]
	}
	for _, j := range rest {
		q.bytes -= j.size()
	}
	return append(rest, q.keyed.last(max(n, 0))...)
}

// all removes all jobs. Batches are taken apart: what is bound finds together again
// in the store.
func (q *jobQueue) all() []*Job {
	rest := slices.Concat(q.ranks[0], q.ranks[1], q.ranks[2])
	for _, j := range slices.Concat(q.batches, q.crashed) {
		if j.Members != nil {
			rest = append(rest, j.Members...)
		} else {
			rest = append(rest, j)
		}
	}
	rest = append(rest, q.keyed.all()...)
	*q = jobQueue{taken: q.taken, keyed: q.keyed}
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
