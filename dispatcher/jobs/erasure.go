package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/postrider/postrider/store"
)

// Erasure says what of a tenant is to be erased.
type Erasure struct {
	Subject string `json:"subject"`
}

// Spec returns the erasure as a job keeps it until it has ended.
func (e *Erasure) Spec() ([]byte, error) { return json.Marshal(e) }

// Erased returns what a job has erased so far.
func Erased(j *store.Job) (done store.Erased, err error) {
	if j.Cursor != "" {
		err = json.Unmarshal([]byte(j.Cursor), &done)
	}
	done.More = false
	return done, err
}

// Eraser erases what is kept about a subject, a bite at a time.
type Eraser interface {
	// Bite takes the next bite and returns what is gone, also with an error. More
	// says that there is more to do; ErrLater that nothing can be done for a
	// second.
	Bite(ctx context.Context) (store.Erased, error)
}

// ErrLater is returned by an Eraser that waits for something.
var ErrLater = errors.New("nothing to do for a second")

// later is for how long a job that has nothing to do is left alone.
const later = time.Second

// erasure is a job of that kind in the hands of this process.
type erasure struct {
	eraser Eraser
	gone   store.Erased
}

func newErasure(r *Runner, j *store.Job) (*erasure, error) {
	var spec Erasure
	if err := json.Unmarshal(j.Spec, &spec); err != nil {
		return nil, err
	}
	gone, err := Erased(j)
	return &erasure{r.Eraser(j.Tenant, spec.Subject), gone}, err
}

// step implements task. What is gone is gone before the cursor, which is its count,
// moves: if it does not, that is not counted.
func (w *erasure) step(ctx context.Context, _ *Runner, j *store.Job) (store.JobStep, error) {
	s := store.JobStep{Tenant: j.Tenant, ID: j.ID, Was: j.Cursor}
	part, err := w.eraser.Bite(ctx)
	if err != nil && part.Events == 0 {
		return s, err
	}
	w.gone.Add(part)
	cursor, encodeErr := json.Marshal(w.gone)
	s.Cursor, s.Done, s.End = string(cursor), int64(part.Events), err == nil && !part.More
	return s, encodeErr
}
