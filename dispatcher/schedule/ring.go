package schedule

// ring is a first-in, first-out list of lanes. A lane has one valid place in all
// rings: the last that it was pushed to.
type ring struct {
	places []place
}

type place struct {
	lane  *laneShell
	order uint64
}

// len returns about how many lanes are in the ring; void places count until
// they are found.
func (r *ring) len() int { return len(r.places) }

func (r *ring) push(l *laneShell) {
	l.listed = true
	l.order++
	r.places = append(r.places, place{l, l.order})
}

func (r *ring) pop() *laneShell {
	for len(r.places) > 0 {
		p := r.places[0]
		r.places[0] = place{}
		r.places = r.places[1:]
		if p.lane.listed && p.order == p.lane.order {
			p.lane.listed = false
			return p.lane
		}
	}
	return nil
}
