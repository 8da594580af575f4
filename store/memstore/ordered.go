package memstore

import (
	"slices"
	"strings"
)

// identified is an entry that is ordered by an id.
type identified interface {
	id() string
}

// ordered keeps entries in the order of their ids. Ids ascend with time, so
// that most are added at the end and removed at the beginning, which is cheap;
// in the middle, the shorter side is moved.
type ordered[T identified] struct {
	items []T
}

func (o *ordered[T]) len() int { return len(o.items) }

// search returns where an id is, or would be.
func (o *ordered[T]) search(id string) (int, bool) {
	return slices.BinarySearchFunc(o.items, id, func(v T, id string) int { return strings.Compare(v.id(), id) })
}

func (o *ordered[T]) add(v T) {
	if n := len(o.items); n == 0 || o.items[n-1].id() < v.id() {
		o.items = append(o.items, v)
		return
	}
	i, _ := o.search(v.id())
	o.items = slices.Insert(o.items, i, v)
}

func (o *ordered[T]) remove(id string) {
	i, ok := o.search(id)
	if !ok {
		return
	}
	if i > len(o.items)/2 {
		o.items = slices.Delete(o.items, i, i+1)
		return
	}
	copy(o.items[1:i+1], o.items[:i])
	var none T
	o.items[0] = none
	o.items = o.items[1:]
}

// before calls f with the entries whose id is less than after, or with all if
// after is empty, from the greatest on, until f returns false.
func (o *ordered[T]) before(after string, f func(T) bool) {
	end := len(o.items)
	if after != "" {
		end, _ = o.search(after)
	}
	for i := end - 1; i >= 0; i-- {
		if !f(o.items[i]) {
			return
		}
	}
}

// after calls f with the entries whose id is greater than before, from the least
// on, until f returns false.
func (o *ordered[T]) after(before string, f func(T) bool) {
	start := 0
	if before != "" {
		var found bool
		if start, found = o.search(before); found {
			start++
		}
	}
	for _, v := range o.items[start:] {
		if !f(v) {
			return
		}
	}
}

// fifo is a queue of what Prune will look at.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) push(v T) { q.items = append(q.items, v) }

func (q *fifo[T]) empty() bool { return q.head == len(q.items) }

// first returns the oldest entry of a queue that is not empty.
func (q *fifo[T]) first() T { return q.items[q.head] }

func (q *fifo[T]) pop() T {
	v := q.items[q.head]
	var none T
	q.items[q.head] = none
	if q.head++; q.head > len(q.items)/2 {
		q.items = slices.Clone(q.items[q.head:])
		q.head = 0
	}
	return v
}

// unpop puts entries back to where they were popped from, in their order.
func (q *fifo[T]) unpop(entries []T) {
	if len(entries) == 0 {
		return
	}
	if len(entries) <= q.head {
		q.head -= len(entries)
		copy(q.items[q.head:], entries)
		return
	}
	q.items = slices.Concat(entries, q.items[q.head:])
	q.head = 0
}
