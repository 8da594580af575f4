package lane

import "time"

// MaxBatchBytes bounds the body of a request that has several deliveries.
const MaxBatchBytes = 1 << 20

// Batch returns how many deliveries go in one request at most; 0 is one each.
func (l *Lane) Batch() int { return l.cfg.BatchMax }

// Ripe reports whether queued deliveries, of which the first came at a time, may be
// sent now, or should rather wait for others to go with them.
func (l *Lane) Ripe(now time.Time, queued, bytes int, first time.Time) bool {
	return queued > 0 &&
		(queued >= l.cfg.BatchMax || bytes >= MaxBatchBytes || l.cfg.Deleted || l.halfOpen() || !now.Before(l.RipeAt(first)))
}

// RipeAt returns until when a delivery that came at a time waits for others.
func (l *Lane) RipeAt(first time.Time) time.Time { return first.Add(l.cfg.BatchWait) }

// Gather tells a lane with batches how many deliveries its next request has, or 0 if
// none is to go yet: it starts once there are slots for all of them.
func (l *Lane) Gather(n int) {
	l.next = n
	l.slots.keep = n > 0
}

// together returns how many deliveries start at once.
func (l *Lane) together() int {
	if l.halfOpen() {
		return 1
	}
	return max(l.next, 1)
}

// short reports whether the lane has too few slots for what it needs: for a batch,
// less than all, and else less than half, so that it asks seldom.
func (l *Lane) short(need int) bool {
	if l.cfg.BatchMax > 0 {
		return l.slots.held < need
	}
	return need > 0 && 2*l.slots.held < need
}

// Restore takes back a place for a delivery that was to start in a batch and does
// not.
func (l *Lane) Restore(rank int) { l.queued[rank]++ }
