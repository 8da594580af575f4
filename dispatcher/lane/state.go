package lane

import "time"

// State is what a lane is like, in one word for people.
type State string

// The states of a lane. One that is open has a breaker that lets nothing through, and
// one that is half open lets a probe through.
const (
	StateLoading  State = "loading"
	StateBlocked  State = "blocked"
	StatePaused   State = "paused"
	StateDeleted  State = "deleted"
	StateOpen     State = "open"
	StateHalfOpen State = "half_open"
	StateClosed   State = "closed"
)

// States are all states.
var States = [...]State{StateLoading, StateBlocked, StatePaused, StateDeleted, StateOpen, StateHalfOpen, StateClosed}

// State returns what the lane is like.
func (l *Lane) State(now time.Time) State {
	switch {
	case now.Before(l.blocked):
		return StateBlocked
	case l.cfg.Deleted:
		return StateDeleted
	case l.cfg.Paused:
		return StatePaused
	case l.breaker.open(now):
		return StateOpen
	case !l.loaded:
		return StateLoading
	case !l.breaker.closed():
		return StateHalfOpen
	}
	return StateClosed
}
