package jobs

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

const (
	// maxFailing bounds the failing jobs that are kept beside maxJobs others: so many
	// more rows are read at a time.
	maxFailing = 64
	// longestRest is the longest that a failing job rests. It is tried soon after
	// what makes it fail has passed.
	longestRest = time.Minute
)

// failing are the jobs whose last step failed. They rest, twice as long each time, and
// do not take the places of others.
type failing map[jobKey]*failure

type jobKey struct{ tenant, id string }

func keyOf(j *store.Job) jobKey { return jobKey{j.Tenant, j.ID} }

type failure struct {
	rest  time.Duration
	until time.Time
}

// add records that a job has failed once more.
func (f failing) add(j *store.Job) {
	w := f[keyOf(j)]
	if w == nil {
		w = &failure{rest: leaseEvery / 2}
		f[keyOf(j)] = w
	}
	w.rest = min(2*w.rest, longestRest)
	w.until = clock.Now().Add(w.rest)
}

// places returns how many jobs are looked for, so that maxJobs of them do not fail.
func (f failing) places() int { return maxJobs + min(len(f), maxFailing) }

// rests reports whether a job failed a short while ago.
func (f failing) rests(j *store.Job) bool {
	w := f[keyOf(j)]
	return w != nil && clock.Now().Before(w.until)
}

// keep forgets all but those among some jobs.
func (f failing) keep(jobs []store.Job) {
	there := make(map[jobKey]bool, len(jobs))
	for i := range jobs {
		there[keyOf(&jobs[i])] = true
	}
	for key := range f {
		if !there[key] {
			delete(f, key)
		}
	}
}
