package signer

import (
	"encoding/hex"
	"testing"
)

// The digests that Stripe's library for Node publishes in its tests. Their secret
// is shorter than what ParseTextSecret takes.
func TestTextSecretDigest(t *testing.T) {
	secret := newTextSecret("test_secret")
	for body, want := range map[string]string{
		"":                                `f7f9bd47fb987337b5796fdc1fdb9ba221d0d5396814bfcaf9521f43fd8927fd`,
		`{"obj1":"hello","obj2":"world"}`: `bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363`,
		"😀":                               `837da296d05c4fe31f61d5d7ead035099d9585a5bcde87de952012a78f0b0c43`,
	} {
		sum := secret.digest(GitHub(), 0, []byte(body))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("digest of %q = %s; want %s", body, got, want)
		}
	}
}
