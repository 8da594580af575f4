package celexpr

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/postrider/postrider/webhook"
)

var errNotJSON = errors.New("the value of the transform is not JSON: bytes, types, infinite numbers and names that are no strings are none")

// writer writes a value of CEL as JSON, in bounded size: a small value may refer to
// the same part of it any number of times.
type writer struct {
	out   []byte
	depth int
}

func (w *writer) value(v ref.Val) error {
	if w.depth++; w.depth > webhook.MaxPayloadDepth || len(w.out) > maxResult {
		return errTooLarge
	}
	defer func() { w.depth-- }()
	switch v := v.(type) {
	case *object:
		return w.raw(v.raw)
	case *list:
		return w.raw(v.raw)
	case types.Null:
		return w.raw("null")
	case types.Bool:
		return w.raw(strconv.FormatBool(bool(v)))
	case types.Int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case types.Uint:
		w.out = strconv.AppendUint(w.out, uint64(v), 10)
	case types.Double:
		return w.double(float64(v))
	case types.String:
		return w.string(string(v))
	case types.Timestamp, types.Duration:
		s, ok := v.ConvertToType(types.StringType).(types.String)
		if !ok {
			return errNotJSON
		}
		return w.string(string(s))
	case traits.Lister:
		return w.list(v)
	case traits.Mapper:
		return w.object(v)
	default:
		return errNotJSON
	}
	return nil
}

// raw writes what was in the event as it was.
func (w *writer) raw(text string) error {
	if len(w.out)+len(text) > maxResult {
		return errTooLarge
	}
	w.out = append(w.out, text...)
	return nil
}

func (w *writer) double(f float64) error {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return errNotJSON
	}
	b, err := json.Marshal(f)
	w.out = append(w.out, b...)
	return err
}

func (w *writer) string(s string) error {
	if len(w.out)+len(s) > maxResult {
		return errTooLarge
	}
	if plain(s) {
		w.out = append(append(append(w.out, '"'), s...), '"')
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	w.out = append(w.out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
	return err
}

// plain reports whether text needs no escapes in JSON.
func plain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) < 0
}

func (w *writer) list(l traits.Lister) error {
	w.out = append(w.out, '[')
	for i, it := 0, l.Iterator(); it.HasNext() == types.True; i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.value(it.Next()); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

// object writes names in their order, so that the same value is always the same bytes.
func (w *writer) object(m traits.Mapper) error {
	var names []string
	for it := m.Iterator(); it.HasNext() == types.True; {
		name, ok := it.Next().(types.String)
		if !ok {
			return errNotJSON
		}
		names = append(names, string(name))
	}
	slices.Sort(names)
	w.out = append(w.out, '{')
	for i, name := range names {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.string(name); err != nil {
			return err
		}
		w.out = append(w.out, ':')
		v, _ := m.Find(types.String(name))
		if v == nil {
			return errNotJSON
		}
		if err := w.value(v); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}
