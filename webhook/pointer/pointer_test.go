package pointer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postrider/postrider/webhook/pointer"
)

func parse(t interface{ Fatalf(string, ...any) }, text string) pointer.Pointer {
	p, err := pointer.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return p
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "/", "/a", "/a~0b~1c", "//", "/ü", "/~01"} {
		if got := parse(t, text).String(); got != text {
			t.Errorf("Parse(%q).String() = %q", text, got)
		}
	}
	for _, text := range []string{"a", "#/a", "/~", "/a~2", "/~0~", "/~1/~x", " /a"} {
		if _, err := pointer.Parse(text); !errors.Is(err, pointer.ErrSyntax) {
			t.Errorf("Parse(%q) = %v; want ErrSyntax", text, err)
		}
	}
}

// The document and the pointers have the form of RFC 6901, section 5.
func TestGet(t *testing.T) {
	t.Parallel()
	const doc = `{"list":["x",{"y": 1e400 }],"":0,"a/b":1,"m~n":8,"~1":9,"\u0065":2,"two":1,"two":2}`
	for text, want := range map[string]string{
		"": doc, "/list": `["x",{"y": 1e400 }]`, "/list/0": `"x"`, "/list/1/y": "1e400", "/": "0", "/a~1b": "1",
		"/m~0n": "8", "/~01": "9", "/e": "2", "/two": "2",
	} {
		if got, found, err := parse(t, text).Get([]byte(doc)); string(got) != want || !found || err != nil {
			t.Errorf("Get(%q) = %s, %t, %v; want %s", text, got, found, err, want)
		}
	}
	for _, text := range []string{"/no", "/list/2", "/list/-", "/list/01", "/list/x", "/list/0/y", "/two/0"} {
		if got, found, err := parse(t, text).Get([]byte(doc)); found || err != nil {
			t.Errorf("Get(%q) = %s, %t, %v; want nothing", text, got, found, err)
		}
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ doc, pointers, want string }{
		{`{"a":1}`, "/a", `{}`},
		{`{ "a" : 1 }`, "/a", `{  }`},
		{`{"a":1, "b":2, "c":3}`, "/a", `{"b":2, "c":3}`},
		{`{"a":1, "b":2, "c":3}`, "/b", `{"a":1, "c":3}`},
		{`{"a":1, "b":2, "c":3}`, "/c", `{"a":1, "b":2}`},
		{`{"a":1, "b":2, "c":3}`, "/a /b", `{"c":3}`},
		{`{"a":1, "b":2, "c":3}`, "/a /c", `{"b":2}`},
		{`{"a":1, "b":2, "c":3}`, "/b /c", `{"a":1}`},
		{`{"a":1, "b":2, "c":3}`, "/c /a /b", `{}`},
		{`[1,2,3,4]`, "/0 /1", `[3,4]`},
		{`[1,2,3,4]`, "/3 /0", `[2,3]`},
		{`[1,[2,3]]`, "/1/0 /0", `[[3]]`},
		{`{"a":{"b":1,"c":2}}`, "/a/b /a", `{}`},
		{`{"a":{"b":1,"c":1.0e+07}}`, "/a/b", `{"a":{"c":1.0e+07}}`},
		{`{"a":1,"a":2,"\u0061":3}`, "/a", `{}`},
		{`{"a":"},{\"","b":"\\"}`, "/b", `{"a":"},{\""}`},
		{` 1 `, "", ` null `},
	} {
		var pointers []pointer.Pointer
		for _, text := range strings.Split(tt.pointers, " ") {
			pointers = append(pointers, parse(t, text))
		}
		if got, err := pointer.Remove([]byte(tt.doc), pointers...); string(got) != tt.want || err != nil {
			t.Errorf("Remove(%s, %s) = %s, %v; want %s", tt.doc, tt.pointers, got, err, tt.want)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	doc := `{"a": {"b":1, "c":[true,"x"]},"b":1}`
	got, err := pointer.Replace([]byte(doc), []byte(`"-"`), parse(t, "/a/b"), parse(t, "/a/c/1"), parse(t, "/z"))
	if want := `{"a": {"b":"-", "c":[true,"-"]},"b":1}`; string(got) != want || err != nil {
		t.Errorf("Replace = %s, %v; want %s", got, err, want)
	}
}

// What cannot be looked through is never passed on as if there were nothing in it.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{"a":"`, `[1`, `{"a":[}`, `1 2`, `{"a":1} x`, `{"a":}`} {
		if got, err := pointer.Remove([]byte(doc), parse(t, "/a")); !errors.Is(err, pointer.ErrMalformed) {
			t.Errorf("Remove(%s) = %s, %v; want ErrMalformed", doc, got, err)
		}
	}
}

// A removal by text is a removal from the decoded value, and a pointer to nothing
// leaves the very bytes.
func TestRemoveProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := object(t, 3)
		doc, err := json.MarshalIndent(value, "", strings.Repeat(" ", rapid.IntRange(0, 2).Draw(t, "indent")))
		if err != nil {
			t.Fatal(err)
		}
		path := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "0", "1"}), 1, 3).Draw(t, "path")
		got, err := pointer.Remove(doc, parse(t, "/"+strings.Join(path, "/")))
		if err != nil {
			t.Fatalf("Remove(%s): %v", doc, err)
		}
		want, changed := without(value, path)
		if !changed {
			if &got[0] != &doc[0] {
				t.Fatalf("Remove(%s, %v) = %s; want the text itself", doc, path, got)
			}
			return
		}
		var decoded any
		if err := json.Unmarshal(got, &decoded); err != nil || !reflect.DeepEqual(decoded, want) {
			t.Fatalf("Remove(%s, %v) = %s, %v; want %v", doc, path, got, err, want)
		}
	})
}

func object(t *rapid.T, depth int) any {
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 || depth == 0:
		return rapid.SampledFrom([]any{nil, true, 1.5, "x", `"],}`}).Draw(t, "leaf")
	case kind == 1:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range list {
			list[i] = object(t, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for _, k := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "0", "1"}), rapid.ID).Draw(t, "keys") {
		m[k] = object(t, depth-1)
	}
	return m
}

func without(v any, path []string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		below, ok := v[path[0]]
		if ok && len(path) == 1 {
			delete(v, path[0])
			return v, true
		}
		if ok {
			below, ok = without(below, path[1:])
			v[path[0]] = below
		}
		return v, ok
	case []any:
		for i := range v {
			if fmt.Sprint(i) != path[0] {
				continue
			}
			if len(path) == 1 {
				return append(v[:i:i], v[i+1:]...), true
			}
			below, ok := without(v[i], path[1:])
			v[i] = below
			return v, ok
		}
	}
	return v, false
}

func FuzzRemove(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\"}"}]}`), "/a/1/b")
	f.Fuzz(func(t *testing.T, doc []byte, text string) {
		p, err := pointer.Parse(text)
		if err != nil || !json.Valid(doc) {
			return
		}
		got, err := pointer.Remove(doc, p)
		if err != nil || !json.Valid(got) {
			t.Fatalf("Remove(%s, %s) = %s, %v; want JSON", doc, text, got, err)
		}
		if _, found, _ := p.Get(got); found && text != "" && !strings.ContainsAny(text, "0123456789") {
			t.Fatalf("Remove(%s, %s) = %s; it is still there", doc, text, got)
		}
	})
}
