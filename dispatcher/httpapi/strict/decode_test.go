package strict_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/webhook"
)

type item struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
}

type body struct {
	Text   string            `json:"text"`
	Lines  string            `json:"lines" text:"lines"`
	Any    string            `json:"any" text:"any"`
	Count  int               `json:"count"`
	Share  float64           `json:"share"`
	On     bool              `json:"on"`
	At     time.Time         `json:"at"`
	List   []string          `json:"list"`
	Map    map[string]string `json:"map"`
	Inner  item              `json:"inner"`
	Maybe  *int              `json:"maybe"`
	Items  []item            `json:"items"`
	Hidden string            `json:"-"`
}

func TestDecodeReads(t *testing.T) {
	t.Parallel()
	seven := 7
	for _, tt := range []struct {
		text string
		want body
	}{
		{`{}`, body{}},
		{" {\n} ", body{}},
		{`{"text":"a\u0041\ud83d\ude00","lines":"a\nb","any":"\u0000"}`, body{Text: "aA😀", Lines: "a\nb", Any: "\x00"}},
		{`{"text":"\ufffd \\ufffd"}`, body{Text: "\uFFFD \\ufffd"}},
		{`{"count":-3,"share":1.5e2,"on":true,"maybe":7}`, body{Count: -3, Share: 150, On: true, Maybe: &seven}},
		{`{"at":"2026-03-01T12:00:00+02:00"}`, body{At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}},
		{`{"list":[],"map":{}}`, body{List: []string{}, Map: map[string]string{}}},
		{`{"list":["a" , "b"],"map":{"A":"1","a":"2","gone":null}}`, body{List: []string{"a", "b"}, Map: map[string]string{"A": "1", "a": "2"}}},
		{`{"text":null,"list":null,"inner":null,"maybe":null}`, body{}},
		{`{"inner":{"data": {"a":1e400,"a":[1 , 2],"A":"\ud800"} }}`, body{Inner: item{Data: json.RawMessage(`{"a":1e400,"a":[1 , 2],"A":"\ud800"}`)}}},
		{`{"items":[{"data":1.0},{"data":"x,]}"},{"data":null}]}`, body{Items: []item{{Data: json.RawMessage("1.0")}, {Data: json.RawMessage(`"x,]}"`)}, {Data: json.RawMessage("null")}}}},
	} {
		var got body
		if err := strict.Decode([]byte(tt.text), &got); err != nil {
			t.Errorf("Decode(%s) = %v; want no error", tt.text, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Decode(%s) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestDecodeRefusesGrammar(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{`, `{"text"`, `{"text":`, `{"text":}`, `{"text":"a"`, `{"text":"a",}`, `{"text":"a"}}`, `{} {}`, `{}x`,
		`{'text':'a'}`, `{text:"a"}`, `{"text":"a" "on":true}`, `{"on":tru}`, `{"on":True}`, `{"count":01}`, `{"count":+1}`, `{"count":.5}`,
		`{"count":1.}`, `{"count":0x1}`, `{"count":NaN}`, `{"count":--1}`, `{"text":"` + "\n" + `"}`, `{"text":"\x41"}`, `{"text":"\u12"}`, `{"text":"\"}`,
		`{"text":"a","text":"b"}`, `{"text":"a","Text":"b"}`, `{"TEXT":"a"}`, `{"inner":{"NAME":"a"}}`, `{"text":"a","t\u0065xt":"b"}`,
		`{"map":{"a":"1","a":"2"}}`, `{"nobody":{"a":1,"a":2}}`, `{"text":"\ud800"}`, `{"text":"\udc00\ud800"}`, "{\"text\":\"\xff\"}", "\xef\xbb\xbf{}",
		`{"inner":{"data":}}`, `{"inner":{"data":{]}}`, `{"inner":{"data":01}}`, `{"inner":{"data":1 2}}`, `{"list":["a",]}`, `{"list":[,]}`, `{"list":["a"`,
		`{"nobody":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
		`{"a":` + strings.Repeat(`{"a":`, 100_000),
		`// comment` + "\n{}", `{/**/}`, "{\x00}", "{}\x00",
	} {
		_, err := strict.DecodeNames([]byte(text), new(body))
		if syntax, ok := errors.AsType[*strict.SyntaxError](err); !ok || len(syntax.Message) > 200 {
			t.Errorf("DecodeNames(%.60q) = %v; want a SyntaxError", text, err)
		}
	}
}

func TestDecodeRefusesFields(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"nobody":1}`:                      "body unknown_field",
		`{"hidden":"x"}`:                    "body unknown_field",
		`{"inner":{"nobody":[{"a":null}]}}`: "inner unknown_field",
		`{"items":[{},{"x":1}]}`:            "items[1] unknown_field",
		`{"text":1}`:                        "text invalid_field",
		`{"text":["a"]}`:                    "text invalid_field",
		`{"text":{"a":1}}`:                  "text invalid_field",
		`{"text":true}`:                     "text invalid_field",
		`{"text":"a\u0000b"}`:               "text invalid_field",
		`{"text":"a\u0007b"}`:               "text invalid_field",
		`{"lines":"a\u0000b"}`:              "lines invalid_field",
		`{"count":"1"}`:                     "count invalid_field",
		`{"count":1.5}`:                     "count invalid_field",
		`{"count":1e400}`:                   "count invalid_field",
		`{"count":99999999999999999999}`:    "count invalid_field",
		`{"share":1e400}`:                   "share invalid_field",
		`{"on":1}`:                          "on invalid_field",
		`{"at":"yesterday"}`:                "at invalid_field",
		`{"at":1}`:                          "at invalid_field",
		`{"at":{}}`:                         "at invalid_field",
		`{"list":"a"}`:                      "list invalid_field",
		`{"list":{"a":"b"}}`:                "list invalid_field",
		`{"list":[1]}`:                      "list invalid_field",
		`{"list":[null]}`:                   "list invalid_field",
		`{"map":["a"]}`:                     "map invalid_field",
		`{"map":{"a":1}}`:                   "map invalid_field",
		`{"map":{"a\u0000":"b"}}`:           "map invalid_field",
		`{"inner":"a"}`:                     "inner invalid_field",
		`{"items":[1]}`:                     "items[0] invalid_field",
	} {
		err := strict.Decode([]byte(text), new(body))
		inv, ok := errors.AsType[*webhook.InvalidError](err)
		if !ok || len(inv.Fields) != 1 {
			t.Errorf("Decode(%s) = %v; want one field at fault", text, err)
			continue
		}
		if got := inv.Fields[0].Field + " " + inv.Fields[0].Code; got != want {
			t.Errorf("Decode(%s) = %s; want %s", text, got, want)
		}
	}
}

// TestDecodeSaysLittle sees that a body of nothing but faults gets a short answer that
// repeats none of it.
func TestDecodeSaysLittle(t *testing.T) {
	t.Parallel()
	text := `{"list":[` + strings.Repeat("1,", 5000) + `1],"<script>":1}`
	inv, _ := errors.AsType[*webhook.InvalidError](strict.Decode([]byte(text), new(body)))
	if inv == nil || len(inv.Fields) > 20 || strings.Contains(inv.Error(), "script") {
		t.Errorf("Decode of 5,000 faults = %v; want at most 20, and nothing repeated", inv)
	}
}

func TestDecodeNames(t *testing.T) {
	t.Parallel()
	names, err := strict.DecodeNames([]byte(`{"text":null,"inner":{"name":"a"},"items":[{"name":"b"}]}`), new(body))
	if err != nil {
		t.Fatal(err)
	}
	want := strict.Names{"text": true, "inner": false, "inner.name": false, "items": false}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("DecodeNames (-want +got):\n%s", diff)
	}
	if names.Has("text") || !names.Null("text") || !names.Has("inner.name") || names.Has("count") || names.Null("count") {
		t.Error("Names do not tell null, given and absent apart")
	}
}

// FuzzDecode sees that what Decode takes is what encoding/json takes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"text":"a","inner":{"data":[1e400]}}`, `{"items":[{"data":{"a":"\""}}]}`, `{"map":{"a":"b"}}`, `{"count":1,"list":["a"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got body
		err := strict.Decode(text, &got)
		if _, syntax := errors.AsType[*strict.SyntaxError](err); !syntax && !json.Valid(text) {
			t.Fatalf("Decode(%q) = %v; want a SyntaxError: it is not JSON", text, err)
		}
		if err != nil {
			return
		}
		var want body
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("Decode(%q) takes what encoding/json does not: %v", text, err)
		}
	})
}
