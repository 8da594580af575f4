package lane

import "time"

// pace counts of how many deliveries an attempt ends in a quarter of a second.
type pace struct {
	began      time.Time
	last, this int
}

const paceOver = 250 * time.Millisecond

func (p *pace) end(now time.Time, n int) {
	p.roll(now)
	p.this += n
}

// at returns the pace of the last quarter, or of the present one if that is
// already higher.
func (p *pace) at(now time.Time) int {
	p.roll(now)
	return max(p.last, p.this)
}

func (p *pace) roll(now time.Time) {
	switch since := now.Sub(p.began); {
	case since < paceOver:
	case since < 2*paceOver:
		p.began, p.last, p.this = p.began.Add(paceOver), p.this, 0
	default:
		p.began, p.last, p.this = now, 0, 0
	}
}
