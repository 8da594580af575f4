package console

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// form is what somebody has typed, and what is wrong with it. Its fields have the names of
// the REST API, so that errors find them.
type form struct {
	values url.Values
	errors map[string]string
	order  []string // the names in errors, as they came
}

func newForm(values url.Values) *form {
	return &form{values: values, errors: make(map[string]string)}
}

// text returns a value without white space around it.
func (f *form) text(name string) string { return strings.TrimSpace(f.values.Get(name)) }

func (f *form) set(name, value string) { f.values.Set(name, value) }

// has reports whether a box is checked.
func (f *form) has(name string) bool { return f.values.Get(name) != "" }

func (f *form) fault(name, message string) {
	if _, ok := f.errors[name]; !ok {
		f.errors[name] = message
		f.order = append(f.order, name)
	}
}

// faults takes over what the library says about fields. It returns any other error.
func (f *form) faults(err error) error {
	inv, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok {
		return err
	}
	for _, fe := range inv.Fields {
		f.fault(fe.Field, fe.Message)
	}
	return nil
}

// keep drops the faults of fields that are not asked about.
func (f *form) keep(wanted func(name string) bool) {
	f.order = slices.DeleteFunc(f.order, func(name string) bool {
		if wanted(name) {
			return false
		}
		delete(f.errors, name)
		return true
	})
}

// Bad says that there are faults.
func (f *form) Bad() bool { return len(f.order) > 0 }

// fault is something that is wrong, with the field that it is at.
type fault struct{ Field, Text string }

// Faults lists what is wrong, for the top of the form.
func (f *form) Faults() []fault {
	list := make([]fault, len(f.order))
	for i, name := range f.order {
		list[i] = fault{name, f.errors[name]}
	}
	return list
}

// field is an input as it is shown.
type field struct {
	ID, Name, Label, Hint, Value, Error string
	// Type is that of the input; Options are those of a select.
	Type    string
	Options []option
	Checked bool
	Rows    int
	// Code says that what is typed is for machines, Required that it must not be empty.
	Code, Required bool
	Placeholder    string
}

// Describe returns the ids of what describes the field, for aria-describedby.
func (f field) Describe() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	return strings.Join(ids, " ")
}

// field returns an input. Faults of a part of it, "name.x" or "name[0]", are its own.
func (f *form) field(name, label, hint string) field {
	fault := f.errors[name]
	for _, other := range f.order {
		if fault == "" && strings.HasPrefix(other, name+"[") {
			fault = f.errors[other]
		}
	}
	return field{ID: "f-" + strings.NewReplacer(".", "-", "_", "-").Replace(name), Name: name, Label: label, Hint: hint, Value: f.values.Get(name), Error: fault, Type: "text"}
}

// Input is a line of text.
func (f *form) Input(name, label, hint string) field { return f.field(name, label, hint) }

// Mono is a line of text for machines.
func (f *form) Mono(name, label, hint string) field {
	in := f.field(name, label, hint)
	in.Code = true
	return in
}

// Address is a URL that must be there.
func (f *form) Address(name, label, hint, placeholder string) field {
	in := f.field(name, label, hint)
	in.Code, in.Required, in.Placeholder = true, true, placeholder
	return in
}

// Number is a number.
func (f *form) Number(name, label, hint string) field {
	in := f.field(name, label, hint)
	in.Type = "number"
	return in
}

// Secret is never filled in.
func (f *form) Secret(name, label, hint string) field {
	in := f.field(name, label, hint)
	in.Type, in.Value = "password", ""
	return in
}

// SecretLines is Secret of several lines, such as a private key.
func (f *form) SecretLines(name, label, hint string, rows int) field {
	in := f.Lines(name, label, hint, rows)
	in.Value = ""
	return in
}

// Lines is text of several lines, for machines.
func (f *form) Lines(name, label, hint string, rows int) field {
	in := f.field(name, label, hint)
	in.Rows, in.Code = rows, true
	return in
}

// Choose is one of several options.
func (f *form) Choose(name, label, hint string, options []option) field {
	in := f.field(name, label, hint)
	in.Options = options
	return in
}

// Check is a box.
func (f *form) Check(name, label, hint string) field {
	in := f.field(name, label, hint)
	in.Checked = f.has(name)
	return in
}

// number reads a whole number; nothing is 0.
func (f *form) number(name string) int {
	text := f.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.fault(name, "Must be a whole number.")
	}
	return n
}

// decimal reads a number; nothing is 0.
func (f *form) decimal(name string) float64 {
	text := f.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n || n > 1e9 || n < -1e9 {
		f.fault(name, "Must be a number.")
		return 0
	}
	return n
}

// words reads a list that is separated by commas or lines.
func (f *form) words(name string) []string {
	var list []string
	for _, w := range strings.FieldsFunc(f.values.Get(name), func(r rune) bool { return r == ',' || r == '\n' }) {
		if w = strings.TrimSpace(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

// pairs reads lines of a name, a separator and a value.
func (f *form) pairs(name, separator, message string) map[string]string {
	pairs := make(map[string]string)
	for line := range strings.SplitSeq(f.values.Get(name), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, ok := strings.Cut(line, separator)
		if key = strings.TrimSpace(key); !ok || key == "" {
			f.fault(name, message)
			continue
		}
		pairs[key] = strings.TrimSpace(value)
	}
	return pairs
}

// writePairs writes what pairs reads.
func (f *form) writePairs(name, separator string, pairs map[string]string) {
	var lines []string
	for _, h := range headersOf(pairs) {
		lines = append(lines, h.Name+separator+h.Value)
	}
	f.set(name, strings.Join(lines, "\n"))
}

// Value returns what was typed into a field.
func (f *form) Value(name string) string { return f.values.Get(name) }
