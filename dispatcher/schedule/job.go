package schedule

import (
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

	lane  *laneShell
	probe bool
}

// Lane returns the key of the job's lane.
func (j *Job) Lane() store.Lane { return store.Lane{Tenant: j.Tenant, Endpoint: j.Endpoint} }

// Settling is an outcome on its way to the store.
type Settling struct {
	store.Settled
	Job *Job
	// Sent says that the job holds a slot until it is settled; a job that was
	// given back from a queue holds none.
	Sent bool
	// Gone says that the receiver wants no more.
	Gone bool
	// Gate is the lane's, if the delivery is parked.
	Gate store.Gate
}
