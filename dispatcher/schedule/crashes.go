package schedule

// crashes bounds what is under way of the deliveries that a process died with.
// Those that were in hand at one crash are many, and most of them bystanders: a
// few go at a time. One that was being sent at another crash goes alone, so that
// the next crash counts for it and no other.
type crashes struct {
	once, often int // under way
	// waiting are lanes whose next delivery was not admitted.
	waiting []*laneShell
}

const (
	maxOnce        = 16
	maxOncePerLane = 4
)

func (c *crashes) admits(j *Job) bool {
	switch {
	case j.Crashes == 0:
		return true
	case j.Crashes == 1:
		return c.once < maxOnce && j.lane.crashedOnce < maxOncePerLane
	}
	return c.often == 0
}

func (c *crashes) begin(j *Job) {
	switch {
	case j.Crashes == 1:
		c.once++
		j.lane.crashedOnce++
	case j.Crashes > 1:
		c.often++
	}
}

// end returns the lanes that may try again.
func (c *crashes) end(j *Job) []*laneShell {
	switch {
	case j.Crashes == 0:
		return nil
	case j.Crashes == 1:
		c.once--
		j.lane.crashedOnce--
	default:
		c.often--
	}
	waiting := c.waiting
	c.waiting = nil
	for _, l := range waiting {
		l.waits = false
	}
	return waiting
}

// wait remembers a lane whose next delivery was not admitted.
func (c *crashes) wait(l *laneShell) {
	if !l.waits {
		l.waits = true
		c.waiting = append(c.waiting, l)
	}
}
