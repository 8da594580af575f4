package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// schemaRow is a property of a schema, in words.
type schemaRow struct {
	// Name is the place, such as customer.email or items[].id.
	Name, Type, Description, Rules string
	Required                       bool
}

// The bounds of a table: schemas may be as deep and as large as people like, and what is
// left out is in the schema itself, which is shown too.
const (
	maxSchemaDepth = 8
	maxSchemaRows  = 300
)

// schemaNode is what a table says of a part of a JSON Schema.
type schemaNode struct {
	Ref         string                     `json:"$ref"`
	Defs        map[string]json.RawMessage `json:"$defs"`
	Type        json.RawMessage            `json:"type"`
	Description string                     `json:"description"`
	Format      string                     `json:"format"`
	Enum        []json.RawMessage          `json:"enum"`
	Const       json.RawMessage            `json:"const"`
	Pattern     string                     `json:"pattern"`
	Minimum     json.Number                `json:"minimum"`
	Maximum     json.Number                `json:"maximum"`
	MinLength   *int                       `json:"minLength"`
	MaxLength   *int                       `json:"maxLength"`
	MinItems    *int                       `json:"minItems"`
	MaxItems    *int                       `json:"maxItems"`
	Properties  json.RawMessage            `json:"properties"`
	Required    []string                   `json:"required"`
	Items       json.RawMessage            `json:"items"`
}

// schemaRows returns the properties of a schema in the order in which it has them. What
// cannot be read as such, such as a schema that is true, has none.
func schemaRows(schema []byte) []schemaRow {
	node, ok := readNode(schema)
	if !ok {
		return nil
	}
	t := &schemaTable{defs: node.Defs}
	t.object(&node, "", 0)
	return t.rows
}

type schemaTable struct {
	defs map[string]json.RawMessage
	rows []schemaRow
}

func readNode(text []byte) (schemaNode, bool) {
	var n schemaNode
	err := json.Unmarshal(text, &n)
	return n, err == nil
}

// object adds the properties of an object.
func (t *schemaTable) object(n *schemaNode, prefix string, depth int) {
	if depth > maxSchemaDepth {
		return
	}
	for _, p := range properties(n.Properties) {
		if len(t.rows) >= maxSchemaRows {
			return
		}
		child, ok := t.resolve(p.value)
		if !ok {
			continue
		}
		row := schemaRow{Name: prefix + p.name, Type: typeName(&child), Description: child.Description, Rules: rulesOf(&child), Required: slices.Contains(n.Required, p.name)}
		below, under := &child, prefix+p.name+"."
		if item, ok := t.resolve(child.Items); ok && len(child.Items) > 0 {
			row.Type = "array of " + typeName(&item)
			below, under = &item, prefix+p.name+"[]."
			if row.Rules == "" {
				row.Rules = rulesOf(&item)
			}
		}
		t.rows = append(t.rows, row)
		t.object(below, under, depth+1)
	}
}

// resolve reads a part of the schema, and follows a reference into its definitions.
func (t *schemaTable) resolve(text json.RawMessage) (schemaNode, bool) {
	n, ok := readNode(text)
	if name, isRef := strings.CutPrefix(n.Ref, "#/$defs/"); ok && isRef {
		target, ok := readNode(t.defs[name])
		if ok && n.Description != "" {
			target.Description = n.Description
		}
		return target, ok
	}
	return n, ok
}

type property struct {
	name  string
	value json.RawMessage
}

// properties returns the members of an object in their order.
func properties(object json.RawMessage) (list []property) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return list
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return list
		}
		if s, ok := name.(string); ok {
			list = append(list, property{s, value})
		}
	}
	return list
}

// typeName returns the type or types of a part: "string", "number or null".
func typeName(n *schemaNode) string {
	var one string
	if json.Unmarshal(n.Type, &one) == nil && one != "" {
		return one
	}
	var many []string
	if json.Unmarshal(n.Type, &many) == nil && len(many) > 0 {
		return strings.Join(many, " or ")
	}
	if len(n.Properties) > 0 {
		return "object"
	}
	return "any"
}

// rulesOf returns what else holds for a part.
func rulesOf(n *schemaNode) string {
	var rules []string
	add := func(form string, v any) { rules = append(rules, fmt.Sprintf(form, v)) }
	if n.Format != "" {
		add("%s", n.Format)
	}
	if len(n.Enum) > 0 {
		values := make([]string, len(n.Enum))
		for i, v := range n.Enum {
			values[i] = string(v)
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if len(n.Const) > 0 {
		add("always %s", string(n.Const))
	}
	for _, b := range []struct {
		form  string
		value *int
	}{{"at least %d characters", n.MinLength}, {"at most %d characters", n.MaxLength}, {"at least %d entries", n.MinItems}, {"at most %d entries", n.MaxItems}} {
		if b.value != nil {
			add(b.form, *b.value)
		}
	}
	if n.Minimum != "" {
		add("at least %s", n.Minimum)
	}
	if n.Maximum != "" {
		add("at most %s", n.Maximum)
	}
	if n.Pattern != "" {
		add("matches %s", n.Pattern)
	}
	return strings.Join(rules, "; ")
}
