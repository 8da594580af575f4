package console

import (
	"cmp"
	"slices"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// selector is an EventSelector: event types to choose from, by group, with what covers
// many of them.
type selector struct {
	All    bool // every event
	Groups []typeGroup
	More   field
	Error  string
	Find   string
	// None says that there are no types to choose from, NothingFound that none matches.
	None, NothingFound bool
}

// typeGroup are the types of a group.
type typeGroup struct {
	Name      string
	Wildcards []typeChoice
	Types     []typeChoice
	Chosen    int
	Open      bool
}

// typeChoice is a box.
type typeChoice struct {
	Name, Description string
	Checked           bool
	Deprecated        bool
	Archived          bool
}

func (g *typeGroup) has(name string) bool {
	is := func(t typeChoice) bool { return t.Name == name }
	return slices.ContainsFunc(g.Types, is) || slices.ContainsFunc(g.Wildcards, is)
}

// groupTypes returns types by group, each group with the patterns that cover those of its
// types that begin alike.
func groupTypes(types []webhook.EventType) []typeGroup {
	byName := make(map[string]*typeGroup)
	for _, t := range types {
		name := cmp.Or(t.Group, "Other")
		g := byName[name]
		if g == nil {
			g = &typeGroup{Name: name}
			byName[name] = g
		}
		g.Types = append(g.Types, typeChoice{Name: t.Name, Description: t.Description, Deprecated: t.Deprecated, Archived: t.Archived})
		first, _, dotted := strings.Cut(t.Name, ".")
		if pattern := first + ".*"; dotted && !slices.ContainsFunc(g.Wildcards, func(w typeChoice) bool { return w.Name == pattern }) {
			g.Wildcards = append(g.Wildcards, typeChoice{Name: pattern, Description: "Every " + first + " event, also those to come"})
		}
	}
	groups := make([]typeGroup, 0, len(byName))
	for _, g := range byName {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b typeGroup) int { return cmp.Compare(a.Name, b.Name) })
	return groups
}

// selectorOf returns the EventSelector of a form.
func selectorOf(f *form, types []webhook.EventType) selector {
	s := selector{Find: f.text("find"), Error: f.field("event_types", "", "").Error, None: len(types) == 0}
	s.More = f.Lines(customTypes, "Other event types or patterns", "One a line: a type, or a pattern such as order.* for every type below it.", 2)
	chosen := f.values["event_types"]
	s.All = slices.Contains(chosen, "*")
	wanted := strings.ToLower(s.Find)
	for _, g := range groupTypes(types) {
		g.Wildcards = slices.DeleteFunc(g.Wildcards, func(t typeChoice) bool { return !shown(&t, wanted, "", chosen) })
		g.Types = slices.DeleteFunc(g.Types, func(t typeChoice) bool { return !shown(&t, wanted, g.Name, chosen) })
		if len(g.Types)+len(g.Wildcards) == 0 {
			continue
		}
		for _, list := range [][]typeChoice{g.Wildcards, g.Types} {
			for i := range list {
				if list[i].Checked = slices.Contains(chosen, list[i].Name); list[i].Checked {
					g.Chosen++
				}
			}
		}
		g.Open = wanted != "" || g.Chosen > 0 || len(types) <= 12 // what fits on a screen
		s.Groups = append(s.Groups, g)
	}
	s.NothingFound = wanted != "" && len(s.Groups) == 0
	return s
}

// shown reports whether a type is found, or chosen, so that searching loses no choice.
func shown(t *typeChoice, wanted, group string, chosen []string) bool {
	return wanted == "" || slices.Contains(chosen, t.Name) ||
		strings.Contains(strings.ToLower(t.Name), wanted) || group != "" && (strings.Contains(strings.ToLower(t.Description), wanted) || strings.Contains(strings.ToLower(group), wanted))
}
