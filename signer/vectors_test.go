package signer_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/signer"
)

// vector is one published signature, or one derived with another library.
type vector struct {
	Name      string `json:"name"`
	Key       string `json:"key"`
	Public    string `json:"public"`
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Body      []byte `json:"body_base64"`
	Signature string `json:"signature"`
}

func (v vector) at() time.Time { return time.Unix(v.Timestamp, 0) }

// verifyKey is the key that a receiver holds.
func (v vector) verifyKey() string {
	if v.Public != "" {
		return v.Public
	}
	return v.Key
}

func (v vector) signer(t testing.TB) signer.Signer {
	t.Helper()
	if v.Public != "" {
		return mustPrivate(t, v.Key)
	}
	return mustSecret(t, v.Key)
}

func (v vector) header() http.Header {
	return signed(v.ID, strconv.FormatInt(v.Timestamp, 10), v.Signature)
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) != 8 {
		t.Fatalf("testdata holds %d vectors; want 8 (A to H)", len(vs))
	}
	return vs
}

// vectorNamed returns a vector that other cases are variations of.
func vectorNamed(t testing.TB, name string) vector {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no vector %q", name)
	return vector{}
}

func signed(id, timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set(signer.HeaderID, id)
	h.Set(signer.HeaderTimestamp, timestamp)
	h.Set(signer.HeaderSignature, signature)
	return h
}

func mustSecret(t testing.TB, s string) signer.Secret {
	t.Helper()
	k, err := signer.ParseSecret(s)
	if err != nil {
		t.Fatalf("ParseSecret: %v", err)
	}
	return k
}

func mustPrivate(t testing.TB, s string) signer.PrivateKey {
	t.Helper()
	k, err := signer.ParsePrivateKey(s)
	if err != nil {
		t.Fatalf("ParsePrivateKey: %v", err)
	}
	return k
}

func mustVerifier(t testing.TB, keys ...string) *signer.Verifier {
	t.Helper()
	v, err := signer.NewVerifier(keys...)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	return v
}

// atTime runs f when the clock shows the given time.
func atTime(t *testing.T, at time.Time, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at))
		f(t)
	})
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, err := v.signer(t).Sign(t.Context(), v.ID, v.at(), v.Body)
			if err != nil || got != v.Signature {
				t.Errorf("Sign = %q, %v; want %q: receivers of other makes would refuse us", got, err, v.Signature)
			}
			got, err = signer.Header(t.Context(), v.ID, v.at(), v.Body, v.signer(t))
			if err != nil || got != v.Signature {
				t.Errorf("Header = %q, %v; want %q", got, err, v.Signature)
			}
			atTime(t, v.at(), func(t *testing.T) {
				verifier := mustVerifier(t, v.verifyKey())
				if err := verifier.Verify(v.header(), v.Body); err != nil {
					t.Errorf("Verify = %v; want nil: we would refuse senders of other makes", err)
				}
				if err := verifier.Verify(v.header(), append(v.Body, ' ')); err == nil {
					t.Error("Verify of a longer body = nil; want an error: the body could be altered")
				}
			})
		})
	}
}

// Vector C's text forms: private half, public half, seed alone.
func TestVectorKeyPair(t *testing.T) {
	v := vectorNamed(t, "C")
	p := mustPrivate(t, v.Key)
	if got := p.Public().String(); got != v.Public {
		t.Errorf("Public = %q; want %q", got, v.Public)
	}
	if got := p.Reveal(); got != v.Key {
		t.Error("Reveal does not give back the vector's key")
	}
	if unpadded := mustPrivate(t, strings.TrimRight(v.Key, "=")); !unpadded.Equal(p) {
		t.Error("the unpadded key is another key")
	}
}
