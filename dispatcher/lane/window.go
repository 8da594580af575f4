package lane

// window is the number of deliveries that may be under way at once. It grows
// while the endpoint answers well, by one for each success until the endpoint
// first complains and then by one for each window of successes. It is cut when the
// endpoint says "too much", at most once per window, by half the share of answers
// that say so: half of it if all do. With plain halves an endpoint that refuses one
// in four, whatever it gets, would end with a window of one. (DCTCP, RFC 8257, cuts
// in the same way.)
type window struct {
	size, ceiling int
	wins          int     // successes since the last change
	since         int     // results since the last cut
	careful       bool    // the endpoint has complained
	share         float64 // of results that were complaints, of late
}

// shareOver is about how many results the share is of.
const shareOver = 32

func newWindow(start, ceiling int) window {
	return window{size: min(start, ceiling), ceiling: ceiling}
}

func (w *window) setCeiling(ceiling int) {
	w.ceiling = ceiling
	w.size = min(w.size, ceiling)
}

func (w *window) succeed() {
	w.share -= w.share / shareOver
	w.since++
	w.wins++
	if w.size < w.ceiling && (!w.careful || w.wins >= w.size) {
		w.size++
		w.wins = 0
	}
}

func (w *window) throttle() {
	w.since++
	if !w.careful {
		w.careful, w.share = true, 1 // nothing is known of it yet
	} else {
		w.share += (1 - w.share) / shareOver
		if w.since < w.size {
			return
		}
	}
	w.since = 0
	cut := max(int(float64(w.size)*w.share/2), 1)
	w.size = max(w.size-cut, 1)
	w.wins = 0
}
