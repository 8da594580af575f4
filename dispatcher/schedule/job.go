package schedule

import (
	"time"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
)

// Job is a delivery that is leased to this process.
type Job struct {
	store.Claimed
	// Message is nil until the event is loaded, which a hand-over never needs.
	Message *send.Message
	// Reserved is how many bytes of the hand-over budget the job holds: what
	// Reserve was asked for, or zero for a job that was claimed. It is the
	// scheduler's from Push on.
	Reserved int
	// Route is how to send it. The scheduler sets it when the job starts.
	Route *send.Route
	// Members are deliveries that go in one request, in their order. The job that
	// has them stands for the request: of its own it has no more than its lane,
	// the batch if that is bound, and the most crashes of any member.
	Members []*Job

	lane  *laneShell
	probe bool
	// keyed says that the job was put into the line of its key.
	keyed bool
	// since is when it was queued.
	since time.Time
}

// Lane returns the key of the job's lane.
func (j *Job) Lane() store.Lane { return store.Lane{Tenant: j.Tenant, Endpoint: j.Endpoint} }

// Settling is an outcome on its way to the store.
type Settling struct {
	store.Settled
	Job *Job
	// Rest are the outcomes of the others of a batch, which are written together
	// with this one or not at all.
	Rest []*Settling
	// Sent says that the job holds a slot until it is settled; a job that was
	// given back from a queue holds none.
	Sent bool
	// Gone says that the receiver wants no more.
	Gone bool
	// Gate is the lane's, if the delivery is parked.
	Gate store.Gate
}
