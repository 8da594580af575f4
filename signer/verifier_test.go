package signer_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// strangers are well formed signatures that the key of vectors A and B did not
// make: the multi-signature case of the libraries and the decoys of the Rust
// one.
var strangers = []string{
	"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
	"v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
	"v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
	"v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=",
	"v1,R3PTzyfHASBKHH98a7yexTwaJ4yNIcGhFQc1yuN+BPU=",
}

func TestVerifyHeaders(t *testing.T) {
	a := vectorNamed(t, "A")
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	add := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Add(name, value) }
	}
	del := func(name string) func(http.Header) {
		return func(h http.Header) { h.Del(name) }
	}
	const id, ts, sig = signer.HeaderID, signer.HeaderTimestamp, signer.HeaderSignature
	tests := []struct {
		name   string
		change func(http.Header)
		want   error
	}{
		{"as published", func(http.Header) {}, nil},
		{"other spelling of names", func(h http.Header) { h.Del(id); h.Set("WEBHOOK-ID", a.ID) }, nil},

		{"no id", del(id), signer.ErrMissingHeader},
		{"no timestamp", del(ts), signer.ErrMissingHeader},
		{"no signature", del(sig), signer.ErrMissingHeader},
		{"empty id", set(id, ""), signer.ErrMissingHeader},
		{"empty timestamp", set(ts, ""), signer.ErrMissingHeader},
		{"empty signature", set(sig, ""), signer.ErrMissingHeader},

		{"id with a dot", set(id, "msg_a.b"), signer.ErrBadID},
		{"id with a space", set(id, "msg a"), signer.ErrBadID},
		{"id not ASCII", set(id, "msg_é"), signer.ErrBadID},
		{"id of 65", set(id, strings.Repeat("a", 65)), signer.ErrBadID},
		{"two ids", add(id, "msg_other"), signer.ErrBadID},
		{"another id", set(id, "msg_other"), signer.ErrNoMatch},

		{"timestamp hello", set(ts, "hello"), signer.ErrBadTimestamp},
		{"timestamp with a fraction", set(ts, "161426533.0"), signer.ErrBadTimestamp},
		{"timestamp negative", set(ts, "-161426533"), signer.ErrBadTimestamp},
		{"timestamp with a plus", set(ts, "+1614265330"), signer.ErrBadTimestamp},
		{"timestamp with a zero", set(ts, "01614265330"), signer.ErrBadTimestamp},
		{"timestamp with an underscore", set(ts, "1_614265330"), signer.ErrBadTimestamp},
		{"timestamp past 64 bits", set(ts, "99999999999999999999"), signer.ErrBadTimestamp},
		{"two timestamps", add(ts, "1614265330"), signer.ErrBadTimestamp},
		{"timestamp the largest", set(ts, "9223372036854775807"), signer.ErrTooNew},
		{"timestamp zero", set(ts, "0"), signer.ErrTooOld},
		{"another timestamp", set(ts, "1614265331"), signer.ErrNoMatch},

		{"version 2 only", set(sig, "v2,"+a.Signature[3:]), signer.ErrNoSignature},
		{"relabelled v1a", set(sig, "v1a,"+a.Signature[3:]), signer.ErrNoSignature},
		{"upper case version", set(sig, "V1,"+a.Signature[3:]), signer.ErrNoSignature},
		{"no version", set(sig, a.Signature[3:]), signer.ErrNoSignature},
		{"no comma", set(sig, "v1"), signer.ErrNoSignature},
		{"spaces only", set(sig, "  "), signer.ErrNoSignature},

		{"bare v1,", set(sig, "v1,"), signer.ErrNoMatch},
		{"first 8 characters", set(sig, a.Signature[:8]), signer.ErrNoMatch},
		{"short garbage", set(sig, "v1,dawfeoifkpqwoekfpqoekf"), signer.ErrNoMatch},
		{"other end, no padding", set(sig, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLawdd"), signer.ErrNoMatch},
		{"one character off", set(sig, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="), signer.ErrNoMatch},
		{"stray bits in the last digit", set(sig, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="), signer.ErrNoMatch},
		{"padding cut off", set(sig, strings.TrimRight(a.Signature, "=")), signer.ErrNoMatch},
		{"something after a second comma", set(sig, a.Signature+",x"), signer.ErrNoMatch},
		{"line end inside", func(h http.Header) { h[http.CanonicalHeaderKey(sig)] = []string{"v1,\n" + a.Signature[4:]} }, signer.ErrNoMatch},

		{"valid after strangers", set(sig, strangers[0]+" v2,"+strangers[0][3:]+" "+a.Signature+" "+strangers[0]), nil},
		{"strangers without a valid one", set(sig, strangers[0]+" v2,"+strangers[0][3:]+" "+strangers[0]), signer.ErrNoMatch},
		{"more than one space", set(sig, strangers[0]+"   "+a.Signature+" "), nil},
		{"valid in a second line", func(h http.Header) { h.Set(sig, strangers[0]); h.Add(sig, a.Signature) }, nil},
		{"valid as number 16", set(sig, strings.Repeat(strangers[0]+" ", 15)+a.Signature), nil},
		{"valid as number 17", set(sig, strings.Repeat(strangers[0]+" ", 16)+a.Signature), signer.ErrNoMatch},
		{"valid after many unknown", set(sig, strings.Repeat("v2,x ", 100)+a.Signature), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			atTime(t, a.at(), func(t *testing.T) {
				h := a.header()
				tt.change(h)
				err := mustVerifier(t, a.Key).Verify(h, a.Body)
				if !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v; want %v", err, tt.want)
				}
			})
		})
	}
}

func TestVerifyNamesTheMissingHeader(t *testing.T) {
	for _, name := range []string{signer.HeaderID, signer.HeaderTimestamp, signer.HeaderSignature} {
		h := vectorNamed(t, "A").header()
		h.Del(name)
		err := mustVerifier(t, vectorNamed(t, "A").Key).Verify(h, nil)
		if err == nil || !strings.HasSuffix(err.Error(), name) {
			t.Errorf("Verify without %s = %v; want an error that names it", name, err)
		}
	}
}

func TestVerifyRustDecoys(t *testing.T) {
	b := vectorNamed(t, "B")
	atTime(t, b.at(), func(t *testing.T) {
		v := mustVerifier(t, b.Key)
		if err := v.Verify(signed(b.ID, "1649367553", strings.Join(strangers, " ")), b.Body); !errors.Is(err, signer.ErrNoMatch) {
			t.Errorf("Verify of decoys alone = %v; want %v", err, signer.ErrNoMatch)
		}
		for i := range len(strangers) + 1 {
			list := slices.Insert(slices.Clone(strangers), i, b.Signature)
			if err := v.Verify(signed(b.ID, "1649367553", strings.Join(list, " ")), b.Body); err != nil {
				t.Errorf("Verify with the valid signature at %d = %v; want nil", i, err)
			}
		}
	})
}

func TestVerifyTolerance(t *testing.T) {
	secret := mustSecret(t, vectorNamed(t, "A").Key)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		tolerance time.Duration
		late      time.Duration // the receiver's clock minus the timestamp
		want      error
	}{
		{0, 300 * time.Second, nil},
		{0, 300*time.Second + 999*time.Millisecond, nil}, // whole seconds are compared
		{0, 301 * time.Second, signer.ErrTooOld},
		{0, -300 * time.Second, nil},
		{0, -301 * time.Second, signer.ErrTooNew},
		{time.Hour, time.Hour, nil},
		{time.Hour, time.Hour + time.Second, signer.ErrTooOld},
		{time.Second, -time.Second, nil},
		{1999 * time.Millisecond, -2 * time.Second, signer.ErrTooNew},
	}
	for _, tt := range tests {
		atTime(t, start.Add(tt.late), func(t *testing.T) {
			v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}, Tolerance: tt.tolerance})
			if err != nil {
				t.Fatal(err)
			}
			token, err := secret.Sign(t.Context(), "evt_1", start, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = v.Verify(signed("evt_1", strconv.FormatInt(start.Unix(), 10), token), nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("tolerance %v, Verify after %v = %v; want %v", tt.tolerance, tt.late, err, tt.want)
			}
		})
	}
}

// A scheme belongs to a type of key. In particular, whoever knows the public
// key must not be able to use it as the key of an HMAC.
func TestVerifySchemeIsBoundToKeyType(t *testing.T) {
	a, c := vectorNamed(t, "A"), vectorNamed(t, "C") // the same id, time and body
	publicAsSecret := mustSecret(t, strings.TrimPrefix(c.Public, "whpk_"))
	forged, err := publicAsSecret.Sign(t.Context(), c.ID, c.at(), c.Body)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		keys      []string
		signature string
		want      error
	}{
		{"public key, v1 made of the public key", []string{c.Public}, forged, signer.ErrNoSignature},
		{"public key, the same as v1a", []string{c.Public}, "v1a," + forged[3:], signer.ErrNoMatch},
		{"both keys, v1 made of the public key", []string{a.Key, c.Public}, forged, signer.ErrNoMatch},
		{"public key, v1a as v1", []string{c.Public}, "v1," + c.Signature[4:], signer.ErrNoSignature},
		{"secret, v1a", []string{a.Key}, c.Signature, signer.ErrNoSignature},
		{"both keys, v1", []string{a.Key, c.Public}, a.Signature, nil},
		{"both keys, v1a", []string{a.Key, c.Public}, c.Signature, nil},
		{"both keys, both", []string{c.Public, a.Key}, a.Signature + " " + c.Signature, nil},
		{"public key, both", []string{c.Public}, a.Signature + " " + c.Signature, nil},
		{"public key, v1a cut short", []string{c.Public}, c.Signature[:20], signer.ErrNoMatch},
		{"public key, v1a one character off", []string{c.Public}, strings.Replace(c.Signature, "hnO3", "hnO4", 1), signer.ErrNoMatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			atTime(t, a.at(), func(t *testing.T) {
				err := mustVerifier(t, tt.keys...).Verify(signed(a.ID, "1614265330", tt.signature), a.Body)
				if !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v; want %v", err, tt.want)
				}
			})
		})
	}
}

// During a rotation sender and receiver change keys at different times. Every
// pair that shares one key understands each other.
func TestVerifyRotation(t *testing.T) {
	at := time.Now()
	oldSecret, newSecret := newSecret(t), newSecret(t)
	key, err := signer.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		signers []signer.Signer
		keys    []string
		want    error
	}{
		{"sender first", []signer.Signer{newSecret, oldSecret}, []string{oldSecret.Reveal()}, nil},
		{"receiver first", []signer.Signer{oldSecret}, []string{newSecret.Reveal(), oldSecret.Reveal()}, nil},
		{"both done", []signer.Signer{newSecret}, []string{newSecret.Reveal()}, nil},
		{"receiver late", []signer.Signer{newSecret}, []string{oldSecret.Reveal()}, signer.ErrNoMatch},
		{"from v1 to v1a", []signer.Signer{key, oldSecret}, []string{key.Public().String()}, nil},
		{"from v1 to v1a, receiver late", []signer.Signer{key, oldSecret}, []string{oldSecret.Reveal()}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			value, err := signer.Header(t.Context(), "evt_1", at, []byte("{}"), tt.signers...)
			if err != nil {
				t.Fatal(err)
			}
			err = mustVerifier(t, tt.keys...).Verify(signed("evt_1", strconv.FormatInt(at.Unix(), 10), value), []byte("{}"))
			if !errors.Is(err, tt.want) {
				t.Errorf("Verify = %v; want %v", err, tt.want)
			}
		})
	}
}

func TestNewVerifierErrors(t *testing.T) {
	a, c := vectorNamed(t, "A"), vectorNamed(t, "C")
	tests := []struct {
		name string
		keys []string
		want error
	}{
		{"none", nil, signer.ErrNoKey},
		{"empty", []string{""}, signer.ErrNoKey},
		{"one of two empty", []string{a.Key, ""}, signer.ErrNoKey},
		{"bare prefix", []string{"whsec_"}, signer.ErrNoKey},
		{"bare public prefix", []string{"whpk_"}, signer.ErrNoKey},
		{"private key", []string{c.Key}, signer.ErrKeyType},
		{"comma-separated list", []string{a.Key + "," + a.Key}, signer.ErrKeyEncoding},
		{"space-separated list", []string{a.Key + " " + a.Key}, signer.ErrKeyEncoding},
		{"list of bare keys", []string{a.Key[6:] + "\n" + a.Key[6:]}, signer.ErrKeyEncoding},
		{"16 bytes", []string{keyText("whsec_", 16)}, nil}, // a verifier cannot choose
		{"15 bytes", []string{keyText("whsec_", 15)}, signer.ErrKeySize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := signer.NewVerifier(tt.keys...)
			if !errors.Is(err, tt.want) || (v == nil) != (tt.want != nil) {
				t.Errorf("NewVerifier = %v, %v; want error %v", v, err, tt.want)
			}
		})
	}
}

func TestNewVerifierWithErrors(t *testing.T) {
	secrets := []signer.Secret{mustSecret(t, vectorNamed(t, "A").Key)}
	tests := []struct {
		name string
		cfg  signer.VerifierConfig
		want string
	}{
		{"zero", signer.VerifierConfig{}, signer.ErrNoKey.Error()},
		{"zero secret", signer.VerifierConfig{Secrets: make([]signer.Secret, 1)}, signer.ErrNoKey.Error()},
		{"zero public key", signer.VerifierConfig{Secrets: secrets, PublicKeys: make([]signer.PublicKey, 1)}, signer.ErrNoKey.Error()},
		{"tolerance under a second", signer.VerifierConfig{Secrets: secrets, Tolerance: 999 * time.Millisecond}, "signer: tolerance is under a second"},
		{"tolerance negative", signer.VerifierConfig{Secrets: secrets, Tolerance: -1}, "signer: tolerance is under a second"},
		{"body limit negative", signer.VerifierConfig{Secrets: secrets, MaxBody: -1}, "signer: body limit is negative"},
	}
	for _, tt := range tests {
		if v, err := signer.NewVerifierWith(tt.cfg); v != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%s: NewVerifierWith = %v, %v; want error %q", tt.name, v, err, tt.want)
		}
	}
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	a := vectorNamed(t, "A")
	atTime(t, a.at(), func(t *testing.T) {
		if err := new(signer.Verifier).Verify(a.header(), a.Body); !errors.Is(err, signer.ErrNoSignature) {
			t.Errorf("Verify without keys = %v; want %v", err, signer.ErrNoSignature)
		}
	})
}

func TestVerifierCopiesItsKeys(t *testing.T) {
	a := vectorNamed(t, "A")
	secrets := []signer.Secret{mustSecret(t, a.Key)}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	secrets[0] = newSecret(t)
	atTime(t, a.at(), func(t *testing.T) {
		if err := v.Verify(a.header(), a.Body); err != nil {
			t.Errorf("Verify = %v after the caller reused its slice; want nil", err)
		}
	})
}
