package lane

// window is the number of deliveries that may be under way at once. It grows
// while the endpoint answers well, by one for each success until the endpoint
// first complains and then by one for each window of successes, and halves when
// the endpoint says "too much", at most once per window.
type window struct {
	size, ceiling int
	wins          int  // successes since the last change
	since         int  // results since the last cut
	careful       bool // the endpoint has complained
}

func newWindow(start, ceiling int) window {
	return window{size: min(start, ceiling), ceiling: ceiling}
}

func (w *window) setCeiling(ceiling int) {
	w.ceiling = ceiling
	w.size = min(w.size, ceiling)
}

func (w *window) succeed() {
	w.since++
	w.wins++
	if w.size < w.ceiling && (!w.careful || w.wins >= w.size) {
		w.size++
		w.wins = 0
	}
}

func (w *window) throttle() {
	w.since++
	w.wins = 0
	if w.careful && w.since < w.size {
		return
	}
	w.careful, w.since = true, 0
	w.size = max(w.size/2, 1)
}
