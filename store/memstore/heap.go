package memstore

// placed is an entry that knows its place in a heap, so that it can be removed
// from the middle. An entry is in one heap at a time.
type placed interface {
	place() *int
}

// heap is a binary heap, least first. The zero value of a place is no place.
type heap[T placed] struct {
	items   []T
	compare func(a, b T) int
}

func newHeap[T placed](compare func(a, b T) int) heap[T] { return heap[T]{compare: compare} }

func (h *heap[T]) len() int { return len(h.items) }

// first returns the least entry of a heap that is not empty.
func (h *heap[T]) first() T { return h.items[0] }

func (h *heap[T]) push(v T) {
	h.items = append(h.items, v)
	h.up(len(h.items) - 1)
}

func (h *heap[T]) pop() T {
	v := h.items[0]
	h.remove(v)
	return v
}

// remove takes out an entry, wherever it is.
func (h *heap[T]) remove(v T) {
	i := *v.place()
	last := len(h.items) - 1
	moved := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	if i < last {
		h.items[i] = moved
		h.fix(i)
	}
}

// fix restores the order after the entry at i changed.
func (h *heap[T]) fix(i int) {
	if !h.down(i) {
		h.up(i)
	}
}

func (h *heap[T]) up(i int) {
	v := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if h.compare(v, h.items[parent]) >= 0 {
			break
		}
		h.set(i, h.items[parent])
		i = parent
	}
	h.set(i, v)
}

// down reports whether the entry moved.
func (h *heap[T]) down(i int) bool {
	v, start := h.items[i], i
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if right := child + 1; right < len(h.items) && h.compare(h.items[right], h.items[child]) < 0 {
			child = right
		}
		if h.compare(v, h.items[child]) <= 0 {
			break
		}
		h.set(i, h.items[child])
		i = child
	}
	h.set(i, v)
	return i > start
}

func (h *heap[T]) set(i int, v T) {
	h.items[i] = v
	*v.place() = i
}
