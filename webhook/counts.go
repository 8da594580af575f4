package webhook

// Counts is what became of a number of attempts. Counts of different times,
// processes or endpoints are added with Merge.
type Counts struct {
	// Attempts counts all attempts, Delivered those that succeeded, Failed the
	// deliveries that failed for good.
	Attempts, Delivered, Failed int64
	// Classes counts failed attempts by class.
	Classes map[ErrorClass]int64
	// Statuses counts those of them that had an answer by its status code.
	Statuses map[int]int64
	// Latency is the distribution of the attempts' total time.
	Latency Histogram
	// Passed and KeptBack count, of an endpoint alone, the events that its filter let
	// through and those that it did not. They are of whole hours, and about: events that
	// were counted in the last minute before a process died are missing.
	Passed, KeptBack int64
}

// Add counts one attempt. ended is the state of its delivery after it.
func (c *Counts) Add(a *Attempt, ended DeliveryStatus) {
	c.Attempts++
	if a.Class == ClassNone {
		c.Delivered++
	} else {
		if c.Classes == nil {
			c.Classes = make(map[ErrorClass]int64, 1)
		}
		c.Classes[a.Class]++
		if a.StatusCode != 0 {
			if c.Statuses == nil {
				c.Statuses = make(map[int]int64, 1)
			}
			c.Statuses[a.StatusCode]++
		}
	}
	if ended == DeliveryFailed {
		c.Failed++
	}
	c.Latency.Add(a.Timings.Total)
}

// Merge adds other to c.
func (c *Counts) Merge(other Counts) {
	c.Attempts += other.Attempts
	c.Delivered += other.Delivered
	c.Failed += other.Failed
	for class, n := range other.Classes {
		if c.Classes == nil {
			c.Classes = make(map[ErrorClass]int64, len(other.Classes))
		}
		c.Classes[class] += n
	}
	for status, n := range other.Statuses {
		if c.Statuses == nil {
			c.Statuses = make(map[int]int64, len(other.Statuses))
		}
		c.Statuses[status] += n
	}
	c.Latency.Merge(other.Latency)
	c.Passed += other.Passed
	c.KeptBack += other.KeptBack
}
