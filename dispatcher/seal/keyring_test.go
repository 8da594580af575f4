package seal_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/seal"
)

var place = seal.AssociatedData{Tenant: "acme", ID: "sec_1", Field: "secret"}

func newKeyring(t testing.TB, primary seal.Key, old ...seal.Key) *seal.Keyring {
	t.Helper()
	kr, err := seal.NewKeyring(primary, old...)
	if err != nil {
		t.Fatalf("NewKeyring: %v", err)
	}
	return kr
}

func sealValue(t testing.TB, s seal.Sealer, plaintext string) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), []byte(plaintext), place)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func TestKeyringRoundTrip(t *testing.T) {
	kr := newKeyring(t, seal.NewKey())
	for _, ad := range []seal.AssociatedData{{}, {Tenant: "a"}, place, {Tenant: strings.Repeat("t", 300)}} {
		for _, plaintext := range []string{"", "x", "whsec_secret", strings.Repeat("p", 1<<16)} {
			sealed, err := kr.Seal(t.Context(), []byte(plaintext), ad)
			if err != nil {
				t.Fatalf("Seal of %d bytes: %v", len(plaintext), err)
			}
			if len(sealed) != len(plaintext)+37 {
				t.Errorf("Seal of %d bytes = %d bytes; want 37 more", len(plaintext), len(sealed))
			}
			if len(plaintext) > 1 && bytes.Contains(sealed, []byte(plaintext)) {
				t.Errorf("the sealed value contains the plaintext")
			}
			got, err := kr.Open(t.Context(), sealed, ad)
			if err != nil || string(got) != plaintext {
				t.Errorf("Open(Seal(%d bytes)) = %d bytes, %v; want what was sealed", len(plaintext), len(got), err)
			}
		}
	}
}

func TestKeyringSealsAnew(t *testing.T) {
	kr := newKeyring(t, seal.NewKey())
	if bytes.Equal(sealValue(t, kr, "same"), sealValue(t, kr, "same")) {
		t.Error("Seal gave the same bytes twice: equal secrets would show, and the nonce was used twice")
	}
}

func TestKeyringRefusesAlteredBytes(t *testing.T) {
	kr := newKeyring(t, seal.NewKey())
	sealed := sealValue(t, kr, "whsec_secret")
	for i := range sealed {
		for bit := range 8 {
			altered := bytes.Clone(sealed)
			altered[i] ^= 1 << bit
			if got, err := kr.Open(t.Context(), altered, place); err == nil {
				t.Fatalf("Open with bit %d of byte %d flipped = %q; want an error", bit, i, got)
			}
		}
	}
	for n := range sealed {
		if _, err := kr.Open(t.Context(), sealed[:n], place); !errors.Is(err, seal.ErrCorrupt) {
			t.Errorf("Open of the first %d bytes = %v; want ErrCorrupt", n, err)
		}
	}
	if _, err := kr.Open(t.Context(), append(sealed, 0), place); !errors.Is(err, seal.ErrCorrupt) {
		t.Errorf("Open with a byte appended = %v; want ErrCorrupt", err)
	}
}

func TestKeyringBindsToPlace(t *testing.T) {
	kr := newKeyring(t, seal.NewKey())
	sealed := sealValue(t, kr, "whsec_secret")
	for _, ad := range []seal.AssociatedData{
		{},
		{Tenant: "other", ID: "sec_1", Field: "secret"},
		{Tenant: "acme", ID: "sec_2", Field: "secret"},
		{Tenant: "acme", ID: "sec_1", Field: "header"},
		{Tenant: "acmes", ID: "ec_1", Field: "secret"},
		{Tenant: "acme", ID: "sec_1s", Field: "ecret"},
	} {
		if _, err := kr.Open(t.Context(), sealed, ad); !errors.Is(err, seal.ErrCorrupt) {
			t.Errorf("Open at %+v = %v; want ErrCorrupt: a secret could be moved there", ad, err)
		}
	}
}

func TestAssociatedDataBytes(t *testing.T) {
	got := seal.AssociatedData{Tenant: "acme", ID: "", Field: "f"}.Bytes()
	if diff := cmp.Diff([]byte("\x04acme\x00\x01f"), got); diff != "" {
		t.Errorf("Bytes (-want +got): %s\nvalues sealed before do not open any more", diff)
	}
}

// A value that was sealed by an earlier release, and its key's id, which is in
// databases too.
const (
	releasedKeyID = "5d3abc7391b7d377"
	releasedValue = "015d3abc7391b7d3778ad1da03a10007df94dd2014a930d082dfb3745eadf29e9a52ccfbf538dad85f09d16f73452f78dc"
)

func TestKeyringOpensReleasedFormat(t *testing.T) {
	kr, err := seal.ParseKeyring("prk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{releasedKeyID}, kr.IDs()); diff != "" {
		t.Errorf("IDs (-want +got): %s", diff)
	}
	sealed, err := hex.DecodeString(releasedValue)
	if err != nil {
		t.Fatal(err)
	}
	got, err := kr.Open(t.Context(), sealed, place)
	if err != nil || string(got) != "whsec_secret" {
		t.Errorf("Open of a released value = %q, %v; want whsec_secret: no database of today would open any more", got, err)
	}
}

func TestKeyringRotation(t *testing.T) {
	first, second := seal.NewKey(), seal.NewKey()
	before := newKeyring(t, first)
	during := newKeyring(t, second, first)
	after := newKeyring(t, second)

	old := sealValue(t, before, "old")
	if got, err := during.Open(t.Context(), old, place); err != nil || string(got) != "old" {
		t.Errorf("Open of an old key's value = %q, %v; want it opened", got, err)
	}
	if got := seal.KeyID(sealValue(t, during, "new")); got != second.ID() {
		t.Errorf("sealed with %s; want the primary, %s", got, second.ID())
	}
	if got := seal.KeyID(old); got != first.ID() {
		t.Errorf("KeyID = %s; want %s", got, first.ID())
	}
	_, err := after.Open(t.Context(), old, place)
	if !errors.Is(err, seal.ErrWrongKey) || !strings.Contains(err.Error(), first.ID()) {
		t.Errorf("Open without the old key = %v; want ErrWrongKey that names %s", err, first.ID())
	}
	if diff := cmp.Diff([]string{second.ID(), first.ID()}, during.IDs()); diff != "" {
		t.Errorf("IDs (-want +got): %s", diff)
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	k := seal.NewKey()
	for name, make := range map[string]func() (*seal.Keyring, error){
		"no key":         func() (*seal.Keyring, error) { return seal.NewKeyring(seal.Key{}) },
		"an empty old":   func() (*seal.Keyring, error) { return seal.NewKeyring(k, seal.Key{}) },
		"the same twice": func() (*seal.Keyring, error) { return seal.NewKeyring(k, k) },
	} {
		if _, err := make(); err == nil {
			t.Errorf("NewKeyring with %s = nil error; want one", name)
		}
	}
	var zero seal.Keyring
	if _, err := zero.Seal(t.Context(), nil, place); err == nil {
		t.Error("Seal of the zero Keyring = nil error; want one")
	}
	if _, err := zero.Open(t.Context(), sealValue(t, newKeyring(t, k), "x"), place); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Open of the zero Keyring = %v; want ErrWrongKey", err)
	}
}

func TestParseKeyring(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	kr, err := seal.ParseKeyring("# keys\r\n\r\n  " + a.Reveal() + " \r\n" + b.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{a.ID(), b.ID()}, kr.IDs()); diff != "" {
		t.Errorf("IDs (-want +got): %s", diff)
	}
	for _, text := range []string{"", "\n# nothing\n", a.Reveal() + "\n" + a.Reveal(), "prk_c2VjcmV0", a.Reveal() + "x", "whsec_" + a.Reveal()[4:], a.Reveal() + " " + b.Reveal()} {
		_, err := seal.ParseKeyring(text)
		if err == nil {
			t.Errorf("ParseKeyring(%d bytes) = nil error; want one", len(text))
			continue
		}
		if strings.Contains(err.Error(), "c2VjcmV0") || strings.Contains(err.Error(), a.Reveal()[4:12]) {
			t.Errorf("ParseKeyring error repeats the text: %v", err)
		}
	}
}

func TestPlaintextIsNeverConfused(t *testing.T) {
	kr, plain := newKeyring(t, seal.NewKey()), seal.Plaintext{}
	open, marked := sealValue(t, plain, "whsec_secret"), []byte(nil)
	if got, err := plain.Open(t.Context(), open, place); err != nil || string(got) != "whsec_secret" {
		t.Errorf("Plaintext: Open(Seal) = %q, %v", got, err)
	}
	if _, err := kr.Open(t.Context(), open, place); !errors.Is(err, seal.ErrPlaintext) {
		t.Errorf("Keyring.Open of a plain value = %v; want ErrPlaintext: whoever writes to the database could plant secrets", err)
	}
	lax := kr.AcceptPlaintext()
	if got, err := lax.Open(t.Context(), open, place); err != nil || string(got) != "whsec_secret" {
		t.Errorf("AcceptPlaintext().Open of a plain value = %q, %v", got, err)
	}
	if seal.KeyID(sealValue(t, lax, "x")) == "" {
		t.Error("AcceptPlaintext().Seal left the value plain")
	}
	if _, err := plain.Open(t.Context(), sealValue(t, kr, "x"), place); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Plaintext.Open of a sealed value = %v; want ErrWrongKey", err)
	}
	for _, junk := range [][]byte{marked, {}, {0}, []byte("whsec_secret")} {
		for _, s := range []seal.Sealer{kr, lax, plain} {
			if _, err := s.Open(t.Context(), junk, place); !errors.Is(err, seal.ErrCorrupt) {
				t.Errorf("%T.Open(%q) = %v; want ErrCorrupt", s, junk, err)
			}
		}
	}
	if got := seal.KeyID(open); got != "" {
		t.Errorf("KeyID of a plain value = %q; want none", got)
	}
}

// Whoever holds a value must not see it change under a caller that reuses its
// buffer, as database drivers do.
func TestOpenSharesNoMemory(t *testing.T) {
	for _, s := range []seal.Sealer{newKeyring(t, seal.NewKey()), seal.Plaintext{}} {
		sealed := sealValue(t, s, "whsec_secret")
		got, err := s.Open(t.Context(), sealed, place)
		if err != nil {
			t.Fatal(err)
		}
		clear(sealed)
		if string(got) != "whsec_secret" {
			t.Errorf("%T.Open shares memory with its argument", s)
		}
	}
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	key, other := seal.NewKey(), seal.NewKey()
	kr := newKeyring(t, key)
	check, err := seal.NewCheck(ctx, kr)
	if err != nil {
		t.Fatal(err)
	}
	if got := seal.KeyID(check); got != key.ID() {
		t.Errorf("KeyID(check) = %q; want %q", got, key.ID())
	}
	plainCheck, err := seal.NewCheck(ctx, seal.Plaintext{})
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(check)
	damaged[len(damaged)-1] ^= 1
	foreign, err := kr.Seal(ctx, []byte("something else"), seal.AssociatedData{Field: "keyring.check"})
	if err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name  string
		s     seal.Sealer
		check []byte
		want  error
	}{
		{"same keyring", kr, check, nil},
		{"rotated keyring", newKeyring(t, other, key), check, nil},
		{"wrong keyring", newKeyring(t, other), check, seal.ErrWrongKey},
		{"keyring lost", seal.Plaintext{}, check, seal.ErrWrongKey},
		{"damaged", kr, damaged, seal.ErrCorrupt},
		{"sealed by it, but no check", kr, foreign, seal.ErrCorrupt},
		{"still plaintext", seal.Plaintext{}, plainCheck, nil},
		{"keyring over plaintext", kr, plainCheck, seal.ErrPlaintext},
		{"keyring that accepts plaintext", kr.AcceptPlaintext(), plainCheck, nil},
	} {
		if err := seal.VerifyCheck(ctx, tt.s, tt.check); !errors.Is(err, tt.want) {
			t.Errorf("VerifyCheck, %s = %v; want %v", tt.name, err, tt.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key := seal.NewKey()
	kr := newKeyring(f, key)
	genuine := sealValue(f, kr, "whsec_secret")
	f.Add(genuine)
	f.Add(genuine[:9])
	f.Add(sealValue(f, seal.Plaintext{}, "plain"))
	f.Add([]byte{1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		before := bytes.Clone(sealed)
		got, err := kr.Open(t.Context(), sealed, place)
		if !bytes.Equal(before, sealed) {
			t.Fatal("Open changed its argument")
		}
		switch {
		case err == nil && !bytes.Equal(sealed, genuine):
			t.Fatalf("Open(%x) = %q; want an error for what Seal did not return", sealed, got)
		case err != nil && got != nil:
			t.Fatalf("Open(%x) = %q with an error; want no bytes", sealed, got)
		case err != nil && !errors.Is(err, seal.ErrCorrupt) && !errors.Is(err, seal.ErrWrongKey) && !errors.Is(err, seal.ErrPlaintext):
			t.Fatalf("Open(%x) = %v; want one of the sentinels", sealed, err)
		}
	})
}
