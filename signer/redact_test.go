package signer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/signer"
)

// holder has keys in every place that a struct has for them.
type holder struct {
	Secret  signer.Secret
	Private signer.PrivateKey
	Pointer *signer.Secret
	Any     any
	List    []signer.PrivateKey
	Map     map[string]signer.Secret
	secret  signer.Secret
	private *signer.PrivateKey
	cfg     signer.VerifierConfig
	Text    signer.TextSecret
	text    signer.TextSecret
}

func newHolder(t testing.TB) (h holder, leaks func(string) string) {
	t.Helper()
	s, p := mustSecret(t, vectorNamed(t, "A").Key), mustPrivate(t, vectorNamed(t, "C").Key)
	h = holder{
		Secret: s, Private: p, Pointer: &s, Any: p, secret: s, private: &p,
		List: []signer.PrivateKey{p}, Map: map[string]signer.Secret{"a": s},
		Text: mustText(t, textCanary), text: mustText(t, textCanary),
		cfg: signer.VerifierConfig{Secrets: []signer.Secret{s}, TextSecrets: []signer.TextSecret{mustText(t, textCanary)}},
	}
	needles := []string{textCanary[:8], hex.EncodeToString([]byte(textCanary[:8]))}
	for _, text := range []string{strings.TrimPrefix(s.Reveal(), "whsec_"), strings.TrimPrefix(p.Reveal(), "whsk_")} {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		raw = raw[:6] // a piece is enough to give it away
		digits := fmt.Sprintf("%v", raw)
		needles = append(needles, text[:8], string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
			strings.Trim(digits, "[]"), strings.ReplaceAll(strings.Trim(digits, "[]"), " ", ", "),
			strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}"), strings.Trim(fmt.Sprintf("% x", raw), "[]"))
	}
	return h, func(out string) string {
		for _, n := range needles {
			if strings.Contains(out, n) {
				return n
			}
		}
		return ""
	}
}

// textCanary is a TextSecret that must not be seen.
const textCanary = "canary-of-a-text-secret"

var verbs = []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%X", "%d", "%o", "%20s", "%T", "%p", "%!", "%z"}

func TestRedactedKeys(t *testing.T) {
	h, leaks := newHolder(t)
	for name, key := range map[string]any{
		"Secret": h.Secret, "*Secret": &h.Secret, "PrivateKey": h.Private, "*PrivateKey": &h.Private,
		"zero Secret": signer.Secret{}, "zero PrivateKey": signer.PrivateKey{},
		"TextSecret": h.Text, "*TextSecret": &h.Text,
	} {
		for _, verb := range verbs[:10] {
			if got := fmt.Sprintf(verb, key); got != "***" {
				t.Errorf("%s of %s = %q; want ***", verb, name, got)
			}
		}
		for _, verb := range verbs {
			if got := leaks(fmt.Sprintf(verb, key)); got != "" {
				t.Errorf("%s of %s shows %q of the key", verb, name, got)
			}
		}
		if got, err := json.Marshal(key); err != nil || string(got) != `"***"` {
			t.Errorf("JSON of %s = %s, %v; want \"***\"", name, got, err)
		}
		if got, err := xml.Marshal(key); err != nil || !strings.Contains(string(got), ">***<") {
			t.Errorf("XML of %s = %s, %v; want ***", name, got, err)
		}
	}
	for name, key := range map[string]slog.LogValuer{"Secret": h.Secret, "PrivateKey": h.Private} {
		if got := key.LogValue(); got.Kind() != slog.KindString || got.String() != "***" {
			t.Errorf("LogValue of %s = %v; want ***: handlers differ in what else they call", name, got)
		}
		if got, err := key.(json.Marshaler).MarshalJSON(); err != nil || string(got) != `"***"` {
			t.Errorf("MarshalJSON of %s = %s, %v; want \"***\"", name, got, err)
		}
	}
	if h.Secret.String() != "***" || h.Secret.GoString() != "***" || h.Private.String() != "***" || h.Private.GoString() != "***" {
		t.Error("String or GoString shows something; want ***")
	}
}

func TestRedactedInsideOthers(t *testing.T) {
	h, leaks := newHolder(t)
	outs := map[string]string{"errors": fmt.Errorf("wrap %v: %w", h.Secret, errors.New(h.Private.String())).Error()}
	for _, verb := range verbs {
		outs["struct "+verb] = fmt.Sprintf(verb, h)
		outs["pointer "+verb] = fmt.Sprintf(verb, &h)
		outs["slice "+verb] = fmt.Sprintf(verb, []any{h, &h, h.Secret, h.Private, h.Text, h.text})
	}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	outs["json"] = string(data)
	if want := 7; strings.Count(string(data), "***") != want {
		t.Errorf("JSON of a struct = %s; want *** %d times", data, want)
	}
	var buf bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&buf, nil)), slog.New(slog.NewJSONHandler(&buf, nil))} {
		l.Info("m", "secret", h.Secret, "pointer", h.Pointer, "private", h.Private, "holder", h, "all", &h, "cfg", h.cfg, "text", h.Text)
	}
	outs["slog"] = buf.String()
	if !strings.Contains(buf.String(), "secret=***") || !strings.Contains(buf.String(), `"private":"***"`) {
		t.Errorf("slog = %s; want ***", buf.String())
	}
	outs["cmp"] = cmp.Diff(h.Secret, newSecret(t)) + cmp.Diff(h.Map, map[string]signer.Secret{})
	for name, out := range outs {
		if got := leaks(out); got != "" {
			t.Errorf("%s shows %q of a key:\n%s", name, got, out)
		}
	}
}

// A panic prints its value and the words of every frame's arguments, in a
// process of its own here.
func TestRedactedInPanic(t *testing.T) {
	h, leaks := newHolder(t)
	switch os.Getenv("SIGNER_TEST_PANIC") {
	case "secret":
		panic(h.Secret)
	case "private":
		panic(h.Private)
	case "holder":
		panic(fmt.Sprintf("%+v", h))
	}
	for _, what := range []string{"secret", "private", "holder"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRedactedInPanic$")
		cmd.Env = append(os.Environ(), "SIGNER_TEST_PANIC="+what, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("***")) {
			t.Errorf("panic of %s: %v; want a crash that prints ***:\n%s", what, err, out)
		}
		if got := leaks(string(out)); got != "" {
			t.Errorf("panic of %s shows %q of the key", what, got)
		}
	}
}

// The needles of the tests above are only worth something if they find a key.
func TestLeakDetector(t *testing.T) {
	h, leaks := newHolder(t)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Secret.Reveal(), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%#v", "%s", "%x", "%X", "% x"} {
		if leaks(fmt.Sprintf(verb, raw)) == "" {
			t.Errorf("a key printed with %s goes unnoticed", verb)
		}
	}
	if leaks(h.Secret.Reveal()) == "" || leaks(h.Private.Reveal()) == "" {
		t.Error("a revealed key goes unnoticed")
	}
}
