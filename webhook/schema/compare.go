package schema

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Change is a difference between two versions of a schema, for those who receive what
// it describes.
type Change struct {
	// Pointer is the place in a document that it is about; * stands for any element
	// of an array, and for any property that has no description of its own.
	Pointer string
	// Breaks says that documents may come that the older version did not allow, so
	// that a receiver which was written for it may fail.
	Breaks bool
	// Text is a sentence for people.
	Text string
}

// String returns the change with its place.
func (c Change) String() string {
	if c.Pointer == "" {
		return c.Text
	}
	return c.Pointer + ": " + c.Text
}

// Breaking returns the changes that break receivers.
func Breaking(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return !c.Breaks })
}

// Compare returns what is different in a newer version of a schema, by place. It is
// careful: what it cannot judge, such as two patterns, breaks. Titles, descriptions,
// defaults and examples are not compared. The error is Compile's, about either of the
// texts.
func Compare(older, newer []byte) ([]Change, error) {
	a, err := Compile(older)
	if err != nil {
		return nil, err
	}
	b, err := Compile(newer)
	if err != nil {
		return nil, err
	}
	c := comparison{older: a.doc, newer: b.doc, seen: make(map[[2]string]bool), steps: new(int)}
	c.nodes(a.doc, b.doc, "")
	slices.SortFunc(c.found, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(c.found), nil
}

// maxCompared bounds the pairs of schemas that are looked at, since references can
// make many of few. No schema that people wrote comes near.
const maxCompared = 20_000

// comparison is a call of Compare, or a trial whether two alternatives differ.
type comparison struct {
	older, newer any
	found        []Change
	// seen has the pairs of references that are being compared.
	seen  map[[2]string]bool
	steps *int
}

func (c *comparison) add(at string, breaks bool, text string) {
	c.found = append(c.found, Change{at, breaks, text})
}

func (c *comparison) breaks(at, text string)   { c.add(at, true, text) }
func (c *comparison) harmless(at, text string) { c.add(at, false, text) }

// worse reports whether a newer schema allows what an older one does not.
func (c *comparison) worse(older, newer any) bool {
	trial := comparison{older: c.older, newer: c.newer, seen: make(map[[2]string]bool), steps: c.steps}
	for pair := range c.seen {
		trial.seen[pair] = true
	}
	trial.nodes(older, newer, "")
	return len(Breaking(trial.found)) > 0
}

// node is a schema as an object.
type node map[string]any

// asNode returns a schema as an object: true allows all, and false nothing.
func asNode(v any) node {
	switch v := v.(type) {
	case map[string]any:
		return v
	case bool:
		if !v {
			return node{"not": map[string]any{}}
		}
	}
	return node{}
}

// nodes compares two schemas of the same place.
func (c *comparison) nodes(older, newer any, at string) {
	if *c.steps++; *c.steps > maxCompared {
		if len(c.found) == 0 || c.found[len(c.found)-1].Pointer != at {
			c.breaks(at, "The schemas are too large to be compared.")
		}
		return
	}
	a, b := asNode(older), asNode(newer)
	refA, refB := reference(a), reference(b)
	if refA != "" || refB != "" {
		pair := [2]string{refA, refB}
		if refA != "" && refB != "" && c.seen[pair] {
			return
		}
		c.seen[pair] = true
		defer delete(c.seen, pair)
		var okA, okB bool
		a, okA = resolve(c.older, a)
		b, okB = resolve(c.newer, b)
		if !okA || !okB {
			if refA != refB {
				c.breaks(at, "Refers to another schema now, in a way that cannot be compared.")
			}
			return
		}
	}
	c.types(a, b, at)
	c.values(a, b, at)
	c.limits(a, b, at)
	c.texts(a, b, at)
	c.objects(a, b, at)
	c.arrays(a, b, at)
	c.alternatives(a, b, at)
	c.others(a, b, at)
}

func reference(n node) string {
	ref, _ := n["$ref"].(string)
	return ref
}

// resolve returns what a schema refers to, together with what stands beside the
// reference. It reports false if it cannot.
func resolve(doc any, n node) (node, bool) {
	for range maxChain {
		ref := reference(n)
		if ref == "" {
			return n, true
		}
		target, ok := lookUp(doc, ref)
		if !ok {
			return nil, false
		}
		merged := node{}
		for k, v := range asNode(target) {
			merged[k] = v
		}
		for k, v := range n {
			if _, both := merged[k]; both && k != "$ref" && !annotation(k) {
				return nil, false
			}
			if k != "$ref" {
				merged[k] = v
			}
		}
		n = merged
	}
	return nil, false
}

// lookUp returns what a reference of the form #/a/b leads to.
func lookUp(doc any, ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok || path != "" && path[0] != '/' || strings.Contains(path, "%") {
		return nil, false
	}
	if path == "" {
		return doc, true
	}
	for _, token := range strings.Split(path[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := doc.(type) {
		case map[string]any:
			if doc, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// annotation reports whether a keyword only describes.
func annotation(keyword string) bool {
	switch keyword {
	case "title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly", "$id", "$schema", "$anchor", "$defs", "definitions":
		return true
	}
	return false
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// alike reports whether two parts are the same, and mean the same.
func (c *comparison) alike(a, b any) bool {
	return same(a, b) && (same(c.older, c.newer) || !refers(a))
}

// refers reports whether there is a reference in a part of a schema.
func refers(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			if strings.HasPrefix(k, "$") && strings.HasSuffix(strings.ToLower(k), "ref") || refers(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, refers)
	}
	return false
}
