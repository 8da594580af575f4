package pointer

import (
	"bytes"
	"slices"
	"strconv"
)

// Edit is a change of one place.
type Edit struct {
	Pointer Pointer
	// Replace returns the JSON that goes in the place of a value, whose bytes it must
	// not change. nil removes the value, with its name if it is a member of an object.
	Replace func(value []byte) []byte
}

// Editor makes several changes at once. It is never changed and safe for concurrent
// use.
type Editor struct{ root node }

// node is a place that pointers go through or to.
type node struct {
	below map[string]*node
	edit  *Edit
}

// NewEditor returns what makes the edits. Of two for one place the later counts; one
// inside what another changes does not.
func NewEditor(edits ...Edit) *Editor {
	e := new(Editor)
	for i := range edits {
		at := &e.root
		for _, token := range edits[i].Pointer.tokens {
			if at.below == nil {
				at.below = make(map[string]*node)
			}
			next := at.below[token]
			if next == nil {
				next = new(node)
				at.below[token] = next
			}
			at = next
		}
		at.edit = &edits[i]
	}
	return e
}

// Apply returns doc with all changes made at the places that it has; where it has
// none of them, doc itself. All places are those of doc as it was: removing the first
// element of an array does not move what another pointer means. The whole text cannot be
// removed, so it becomes null. The error is ErrMalformed, and says that something that
// was to be changed could not be looked for.
func (e *Editor) Apply(doc []byte) ([]byte, error) {
	w := walk{doc: doc}
	start := skipSpace(doc, 0)
	end := w.value(start, &e.root)
	if end < 0 || skipSpace(doc, end) != len(doc) {
		return nil, ErrMalformed
	}
	if e.root.edit != nil {
		w.replace(start, end, e.root.edit, []byte("null"))
	}
	return w.result(), nil
}

// span is a piece of the text that something else goes in the place of.
type span struct {
	from, to int
	with     []byte
}

// walk is one way through a text.
type walk struct {
	doc   []byte
	spans []span
}

func (w *walk) result() []byte {
	if len(w.spans) == 0 {
		return w.doc
	}
	out := make([]byte, 0, len(w.doc))
	at := 0
	for _, s := range w.spans {
		out = append(append(out, w.doc[at:s.from]...), s.with...)
		at = s.to
	}
	return append(out, w.doc[at:]...)
}

// replace notes what an edit puts in the place of a value, and reports false if it is
// to be removed and instead is nil.
func (w *walk) replace(from, to int, e *Edit, instead []byte) bool {
	var with []byte
	if e.Replace != nil {
		with = e.Replace(w.doc[from:to:to])
	}
	if with == nil {
		with = instead
	}
	if with == nil {
		return false
	}
	if !bytes.Equal(with, w.doc[from:to]) {
		w.spans = append(w.spans, span{from, to, slices.Clip(with)})
	}
	return true
}

// value returns where the value that begins at i ends, after looking for what is below
// n in it, or -1 if it is malformed.
func (w *walk) value(i int, n *node) int {
	if n.edit != nil || len(n.below) == 0 || i >= len(w.doc) {
		return skipValue(w.doc, i)
	}
	switch w.doc[i] {
	case '{':
		return w.members(i+1, '}', n)
	case '[':
		return w.members(i+1, ']', n)
	}
	return skipValue(w.doc, i)
}

// members goes through an object or an array, from behind its bracket.
func (w *walk) members(i int, closing byte, n *node) int {
	doc := w.doc
	cut := -1     // where a removal goes on that began with the first member
	kept := false // whether a member before this one stays
	comma := -1
	if i = skipSpace(doc, i); i < len(doc) && doc[i] == closing {
		return i + 1
	}
	for index := 0; ; index++ {
		start := i
		if cut >= 0 { // up to here everything goes
			w.spans = append(w.spans, span{from: cut, to: start})
			cut = -1
		}
		var child *node
		if closing == '}' {
			if child, i = name(doc, i, n); i < 0 {
				return -1
			}
		} else {
			child = n.below[strconv.Itoa(index)]
		}
		from, removed := i, false
		if child == nil {
			i = skipValue(doc, i)
		} else if i = w.value(i, child); i >= 0 && child.edit != nil {
			removed = !w.replace(from, i, child.edit, nil)
		}
		if i < 0 {
			return -1
		}
		switch {
		case !removed:
			kept = true
		case kept:
			w.spans = append(w.spans, span{from: comma, to: i})
		default:
			cut = start
		}
		end := i
		if i = skipSpace(doc, i); i >= len(doc) {
			return -1
		}
		if doc[i] == closing {
			if cut >= 0 {
				w.spans = append(w.spans, span{from: cut, to: end})
			}
			return i + 1
		}
		if doc[i] != ',' {
			return -1
		}
		comma = i
		i = skipSpace(doc, i+1)
	}
}

// name returns what is below n by the name of the member at i, or nil, and where its
// value begins, or -1 if it is malformed.
func name(doc []byte, i int, n *node) (*node, int) {
	end := -1
	if i < len(doc) && doc[i] == '"' {
		end = skipString(doc, i)
	}
	if end < 0 {
		return nil, -1
	}
	child, ok := n.below[unquote(doc[i:end])]
	if !ok {
		child = nil
	}
	if i = skipSpace(doc, end); i >= len(doc) || doc[i] != ':' {
		return nil, -1
	}
	return child, skipSpace(doc, i+1)
}
