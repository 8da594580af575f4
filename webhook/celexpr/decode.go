package celexpr

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/postrider/postrider/webhook"
)

// decoded is an event as expressions see it. It implements cel.Activation.
type decoded struct {
	ev       *webhook.Event
	data     ref.Val
	metadata ref.Val
}

// ResolveName implements cel.Activation.
func (d *decoded) ResolveName(name string) (any, bool) {
	switch name {
	case "type":
		return types.String(d.ev.Type), true
	case "data":
		if d.data == nil {
			d.data = decode(d.ev.Data)
		}
		return d.data, true
	case "metadata":
		if d.metadata == nil {
			d.metadata = types.NewStringStringMap(types.DefaultTypeAdapter, d.ev.Metadata)
		}
		return d.metadata, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (d *decoded) Parent() activation { return nil }

// decode returns JSON, which was checked when it was published, as a value of CEL, or
// an error as one.
func decode(data []byte) ref.Val {
	r := reader{text: string(data)}
	v := r.value()
	if r.failed || v == nil {
		return types.NewErr("data is not JSON")
	}
	return v
}

// reader reads JSON that is nested at most webhook.MaxPayloadDepth deep.
type reader struct {
	text   string
	at     int
	nodes  uint32
	depth  int
	failed bool
}

func (r *reader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

// next returns the next byte that is no space, without taking it; 0 at the end.
func (r *reader) next() byte {
	r.space()
	if r.at >= len(r.text) || r.failed {
		return 0
	}
	return r.text[r.at]
}

// take takes a byte if it is the next.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) fail() ref.Val {
	r.failed = true
	return nil
}

func (r *reader) value() ref.Val {
	if r.depth++; r.depth > webhook.MaxPayloadDepth+1 {
		return r.fail()
	}
	defer func() { r.depth-- }()
	r.nodes++
	switch c := r.next(); c {
	case '{':
		return r.object()
	case '[':
		return r.list()
	case '"':
		return types.String(r.string())
	case 't', 'f', 'n':
		for word, v := range map[string]ref.Val{"true": types.True, "false": types.False, "null": types.NullValue} {
			if strings.HasPrefix(r.text[r.at:], word) {
				r.at += len(word)
				return v
			}
		}
		return r.fail()
	default:
		return r.number()
	}
}

func (r *reader) object() ref.Val {
	start, before := r.at, r.nodes
	r.at++
	o := new(object)
	for !r.take('}') {
		if len(o.names) > 0 && !r.take(',') || r.next() != '"' {
			return r.fail()
		}
		name := r.string()
		if !r.take(':') {
			return r.fail()
		}
		o.add(name, r.value())
		if r.failed {
			return nil
		}
	}
	o.raw, o.nodes = r.text[start:r.at], r.nodes-before+1
	return o
}

// add adds a member. Of two of a name the later counts, as for most readers of JSON.
func (o *object) add(name string, v ref.Val) {
	if i := o.find(name); i >= 0 {
		o.values[i] = v
		return
	}
	if o.index != nil {
		o.index[name] = len(o.names)
	}
	o.names, o.values = append(o.names, name), append(o.values, v)
	if len(o.names) == linear+1 {
		o.index = make(map[string]int, 4*linear)
		for i, n := range o.names {
			o.index[n] = i
		}
	}
}

func (o *object) find(name string) int {
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i, n := range o.names {
		if n == name {
			return i
		}
	}
	return -1
}

func (r *reader) list() ref.Val {
	start, before := r.at, r.nodes
	r.at++
	var values []ref.Val
	for !r.take(']') {
		if len(values) > 0 && !r.take(',') {
			return r.fail()
		}
		values = append(values, r.value())
		if r.failed {
			return nil
		}
	}
	return &list{types.NewRefValList(types.DefaultTypeAdapter, values), r.text[start:r.at], r.nodes - before + 1}
}

func (r *reader) string() string {
	start := r.at
	for i := r.at + 1; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			i++
		case '"':
			r.at = i + 1
			inner := r.text[start+1 : i]
			if strings.IndexByte(inner, '\\') < 0 {
				return inner
			}
			var s string
			if json.Unmarshal([]byte(r.text[start:r.at]), &s) != nil {
				r.failed = true
			}
			return s
		}
	}
	r.failed = true
	return ""
}

// number returns an int, a uint if it is too large for one, and else a double. One
// that no double holds is an error for whoever looks at it.
func (r *reader) number() ref.Val {
	start, whole := r.at, true
	for ; r.at < len(r.text); r.at++ {
		if c := r.text[r.at]; c >= '0' && c <= '9' || c == '-' {
			continue
		} else if c != '.' && c != 'e' && c != 'E' && c != '+' {
			break
		}
		whole = false
	}
	text := r.text[start:r.at]
	if text == "" {
		return r.fail()
	}
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return types.Int(n)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return types.Uint(n)
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return errNumber
	}
	if err != nil {
		return r.fail()
	}
	return types.Double(f)
}

// errNumber is the value of a number that is out of the range of a double.
var errNumber = types.NewErr("a number is out of range")
