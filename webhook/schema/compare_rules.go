package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

func decimal(n int) string { return strconv.Itoa(n) }

var allTypes = []string{"null", "boolean", "object", "array", "number", "string"}

// typesOf returns the types that a schema allows.
func typesOf(n node) []string {
	switch t := n["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var types []string
		for _, v := range t {
			types = append(types, fmt.Sprint(v))
		}
		return types
	}
	return allTypes
}

func allows(types []string, t string) bool {
	return slices.Contains(types, t) || t == "integer" && slices.Contains(types, "number")
}

func (c *comparison) types(a, b node, at string) {
	before, after := typesOf(a), typesOf(b)
	var more, fewer []string
	for _, t := range after {
		if !allows(before, t) {
			more = append(more, t)
		}
	}
	for _, t := range before {
		if !allows(after, t) {
			fewer = append(fewer, t)
		}
	}
	switch {
	case len(more) > 0 && b["type"] == nil:
		c.breaks(at, "May be of any type now.")
	case len(more) > 0 && len(more) == len(after):
		c.breaks(at, fmt.Sprintf("Is %s now; it was %s.", strings.Join(after, " or "), strings.Join(before, " or ")))
	case len(more) > 0:
		c.breaks(at, fmt.Sprintf("May be %s now.", strings.Join(more, " or ")))
	case len(fewer) > 0:
		c.harmless(at, fmt.Sprintf("Is %s in all cases now.", strings.Join(after, " or ")))
	}
}

// valuesOf returns the values that a schema lists, if it does.
func valuesOf(n node) ([]any, bool) {
	if v, ok := n["const"]; ok {
		return []any{v}, true
	}
	list, ok := n["enum"].([]any)
	return list, ok
}

func (c *comparison) values(a, b node, at string) {
	before, limited := valuesOf(a)
	after, limits := valuesOf(b)
	switch {
	case !limited && limits:
		c.harmless(at, "Has one of a list of values now.")
	case limited && !limits:
		c.breaks(at, "May have values now that were not on the list.")
	case limited && limits:
		if more := without(after, before); len(more) > 0 {
			c.breaks(at, "May be "+wordsOf(more)+" now.")
		}
		if fewer := without(before, after); len(fewer) > 0 {
			c.harmless(at, "Is never "+wordsOf(fewer)+" any more.")
		}
	}
}

// without returns the values that are not among others.
func without(values, others []any) []any {
	return slices.DeleteFunc(slices.Clone(values), func(v any) bool {
		return slices.ContainsFunc(others, func(o any) bool { return same(v, o) })
	})
}

func wordsOf(values []any) string {
	var words []string
	for _, v := range values {
		text, err := json.Marshal(v)
		if err != nil || len(text) > maxName || len(words) == 10 {
			return strings.Join(append(words, "others"), ", ")
		}
		words = append(words, string(text))
	}
	return strings.Join(words, ", ")
}

// limitWords say what a limit is of. Those that begin with "max" are upper limits.
var limitWords = []struct{ keyword, word string }{
	{"maximum", "numbers"},
	{"exclusiveMaximum", "numbers"},
	{"minimum", "numbers"},
	{"exclusiveMinimum", "numbers"},
	{"maxLength", "length"},
	{"minLength", "length"},
	{"maxItems", "number of elements"},
	{"minItems", "number of elements"},
	{"maxProperties", "number of properties"},
	{"minProperties", "number of properties"},
}

func (c *comparison) limits(a, b node, at string) {
	for _, l := range limitWords {
		before, limited := rational(a[l.keyword])
		after, limits := rational(b[l.keyword])
		upper := strings.Contains(strings.ToLower(l.keyword), "max")
		end, article := "lower", "a"
		if upper {
			end, article = "upper", "an"
		}
		switch {
		case limited && !limits:
			c.breaks(at, fmt.Sprintf("Has no %s limit of %s any more (%s).", end, l.word, l.keyword))
		case !limited && limits:
			c.harmless(at, fmt.Sprintf("Has %s %s limit of %s now: %s (%s).", article, end, l.word, number(after), l.keyword))
		case !limited || before.Cmp(after) == 0:
		case upper == (after.Cmp(before) > 0):
			c.breaks(at, fmt.Sprintf("The %s limit of %s goes from %s to %s (%s).", end, l.word, number(before), number(after), l.keyword))
		default:
			c.harmless(at, fmt.Sprintf("The %s limit of %s is stricter: %s (%s).", end, l.word, number(after), l.keyword))
		}
	}
	before, limited := rational(a["multipleOf"])
	after, limits := rational(b["multipleOf"])
	switch {
	case limited && !limits, limited && !new(big.Rat).Quo(after, before).IsInt():
		c.breaks(at, "May be a number in between now (multipleOf).")
	case limits && (!limited || before.Cmp(after) != 0):
		c.harmless(at, "Is a multiple of "+number(after)+" now.")
	}
}

func rational(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || !comparable(n) {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

func (c *comparison) texts(a, b node, at string) {
	for _, k := range []struct{ keyword, word string }{{"format", "format"}, {"pattern", "pattern"}} {
		before, had := a[k.keyword]
		after, has := b[k.keyword]
		switch {
		case had && !has:
			c.breaks(at, "Has no "+k.word+" any more.")
		case had && !same(before, after):
			c.breaks(at, "Has another "+k.word+" now.")
		case !had && has:
			c.harmless(at, "Has a "+k.word+" now.")
		}
	}
}

func (c *comparison) objects(a, b node, at string) {
	before, after := asNode(a["properties"]), asNode(b["properties"])
	needed, needs := namesIn(a["required"]), namesIn(b["required"])
	for _, name := range slices.Sorted(maps.Keys(before)) {
		below := at + pointerTo([]string{name})
		if _, still := after[name]; !still {
			c.breaks(below, "Is not described any more, and may not come.")
			continue
		}
		c.nodes(before[name], after[name], below)
	}
	extra, open := a["additionalProperties"], a["additionalProperties"] != false && a["unevaluatedProperties"] != false
	for _, name := range slices.Sorted(maps.Keys(after)) {
		below := at + pointerTo([]string{name})
		switch _, known := before[name]; {
		case known:
		case !open:
			c.breaks(below, "Is new, where no other property was to come.")
		case extra != nil && extra != true:
			c.nodes(extra, after[name], below)
		default:
			c.harmless(below, "Is new.")
		}
	}
	for _, name := range without(needed, needs) {
		if _, still := after[fmt.Sprint(name)]; still || len(before) == 0 {
			c.breaks(at+pointerTo([]string{fmt.Sprint(name)}), "May be missing now.")
		}
	}
	for _, name := range without(needs, needed) {
		if _, known := before[fmt.Sprint(name)]; known {
			c.harmless(at+pointerTo([]string{fmt.Sprint(name)}), "Is always there now.")
		}
	}
	c.additional(a, b, at)
}

// additional compares what is said of properties that have no description.
func (c *comparison) additional(a, b node, at string) {
	before, had := a["additionalProperties"]
	after, has := b["additionalProperties"]
	switch {
	case before == false && after == false, !had && !has:
	case before == false:
		c.breaks(at, "May have properties now that are not described.")
	case after == false:
		c.harmless(at, "Has no properties any more that are not described.")
	case had:
		c.nodes(before, orTrue(after), at+"/*")
	case after != true:
		c.harmless(at+"/*", "Properties without a description of their own are described now.")
	}
}

func namesIn(v any) []any {
	list, _ := v.([]any)
	return list
}

func (c *comparison) arrays(a, b node, at string) {
	before, after := namesIn(a["prefixItems"]), namesIn(b["prefixItems"])
	for i := range max(len(before), len(after)) {
		below := at + "/" + decimal(i)
		switch {
		case i >= len(after):
			c.nodes(before[i], orTrue(b["items"]), below)
		case i >= len(before):
			c.nodes(orTrue(a["items"]), after[i], below)
		default:
			c.nodes(before[i], after[i], below)
		}
	}
	if had := a["items"]; had != nil && had != true {
		c.nodes(had, orTrue(b["items"]), at+"/*")
	} else if b["items"] != nil && b["items"] != true {
		c.harmless(at+"/*", "Elements are described now.")
	}
	switch {
	case a["uniqueItems"] == true && b["uniqueItems"] != true:
		c.breaks(at, "May have the same element twice now.")
	case a["uniqueItems"] != true && b["uniqueItems"] == true:
		c.harmless(at, "Elements differ from each other now.")
	}
}

func orTrue(v any) any {
	if v == nil {
		return true
	}
	return v
}

func (c *comparison) alternatives(a, b node, at string) {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		before, after := namesIn(a[keyword]), namesIn(b[keyword])
		switch {
		case len(before) == 0 && len(after) == 0:
		case len(before) == 0:
			c.harmless(at, "Is one of several alternatives now.")
		case len(after) == 0:
			c.breaks(at, "May be other than its alternatives now.")
		default:
			more := c.unlike(after, before, func(newer, older any) bool { return !c.worse(older, newer) })
			fewer := c.unlike(before, after, func(older, newer any) bool { return !c.worse(older, newer) })
			if more > 0 {
				c.breaks(at, fmt.Sprintf("Has %d alternatives that are new or wider (%s).", more, keyword))
			} else if fewer > 0 {
				c.harmless(at, fmt.Sprintf("Has fewer or narrower alternatives (%s).", keyword))
			}
		}
	}
	before, after := namesIn(a["allOf"]), namesIn(b["allOf"])
	if lost := c.unlike(before, after, func(older, newer any) bool { return !c.worse(older, newer) }); lost > 0 {
		c.breaks(at, fmt.Sprintf("%d of its conditions are gone or wider (allOf).", lost))
	} else if len(after) > len(before) {
		c.harmless(at, "Has more conditions (allOf).")
	}
}

// unlike counts the schemas of a list that none of the others is like.
func (c *comparison) unlike(list, others []any, like func(one, other any) bool) int {
	n := 0
	for _, one := range list {
		if !slices.ContainsFunc(others, func(other any) bool { return like(one, other) }) {
			n++
		}
	}
	return n
}

// others are keywords that can only be compared as a whole. All are conditions, so
// that one more of them narrows.
func (c *comparison) others(a, b node, at string) {
	for _, keyword := range []string{
		"not", "if", "then", "else", "dependentSchemas", "dependentRequired", "patternProperties", "propertyNames",
		"unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains", "$dynamicRef",
	} {
		before, had := a[keyword]
		after, has := b[keyword]
		switch {
		case !had && !has, had && has && c.alike(before, after):
		case !had && !loosens(keyword, a):
			c.harmless(at, "Has one more condition ("+keyword+").")
		default:
			c.breaks(at, "Has changed in a way that cannot be judged ("+keyword+").")
		}
	}
}

// loosens reports whether a keyword, where it was not before, may allow more.
func loosens(keyword string, before node) bool {
	switch keyword {
	case "then", "else": // beside an if that was there already they narrow, and alone do nothing
		return false
	case "patternProperties": // what it names is no additional property any more
		return before["additionalProperties"] != nil && before["additionalProperties"] != true
	case "minContains": // 0 lifts contains
		return before["contains"] != nil
	}
	return false
}
