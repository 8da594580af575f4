package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/seal"
)

func TestKeyText(t *testing.T) {
	k := seal.NewKey()
	again, err := seal.ParseKey(k.Reveal())
	if err != nil || again.Reveal() != k.Reveal() || again.ID() != k.ID() {
		t.Fatalf("ParseKey(Reveal()) = %v, %v; want the same key", again.ID(), err)
	}
	if !strings.HasPrefix(k.Reveal(), "prk_") || len(k.Reveal()) != 48 {
		t.Errorf("Reveal() has %d bytes; want prk_ and 44", len(k.Reveal()))
	}
	if len(k.ID()) != 16 || k.ID() == seal.NewKey().ID() {
		t.Errorf("ID() = %q; want 16 digits of its own", k.ID())
	}
	var zero seal.Key
	if zero.ID() != "" || zero.Reveal() != "" {
		t.Errorf("zero key: ID() = %q, Reveal() = %q; want none", zero.ID(), zero.Reveal())
	}

	b64 := strings.TrimPrefix(k.Reveal(), "prk_")
	for _, text := range []string{"", "prk_", b64, "PRK_" + b64, "prk_" + b64[:43], "prk_" + b64 + "=", "prk_" + b64[:10] + "\n" + b64[10:], " prk_" + b64, "prk_" + b64[:40], "prk_" + strings.Repeat("A", 42) + "B=", "whsec_" + b64} {
		_, err := seal.ParseKey(text)
		if err == nil {
			t.Errorf("ParseKey(%d bytes) = nil error; want one: one key, one text", len(text))
		} else if strings.Contains(err.Error(), b64[:8]) {
			t.Errorf("ParseKey error repeats the key: %v", err)
		}
	}
}

func TestKeysRedactThemselves(t *testing.T) {
	k := seal.NewKey()
	kr := newKeyring(t, k)
	type host struct {
		Public  seal.Key
		private seal.Key
		ring    *seal.Keyring
		value   seal.Keyring
	}
	h := host{k, k, kr, *kr}

	var out bytes.Buffer
	for _, v := range []any{k, &k, kr, *kr, h, &h, []seal.Key{k}, map[string]any{"k": k, "kr": kr}, fmt.Errorf("with %v", k)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}

	secret := strings.TrimPrefix(k.Reveal(), "prk_")
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	for form, leak := range map[string]string{
		"base64":  secret[:12],
		"raw":     string(raw[:6]),
		"hex":     fmt.Sprintf("%x", raw[:6]),
		"HEX":     fmt.Sprintf("%X", raw[:6]),
		"decimal": strings.Trim(fmt.Sprint(raw[:6]), "[]"),
		"Go":      strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", raw[:6]), "[]byte{"), "}"),
	} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the key leaks in %s form", form)
		}
	}
	if m := regexp.MustCompile(`([0-9]+ ){16}`).FindString(out.String()); m != "" {
		t.Errorf("a long list of numbers is printed, such as a cipher's expanded key: %s…", m)
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("nothing was printed as ***")
	}
	if got := fmt.Sprintf("%v|%s|%#v|%q", k, k, k, k); got != "***|***|***|***" {
		t.Errorf("Printf of a key = %s", got)
	}
}
