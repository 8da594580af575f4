package signer

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// maxTokens is how many signatures of known versions are looked at. A sender
// in the middle of a rotation has two or three; each one more would let a
// stranger make the receiver hash the body once more.
const maxTokens = 16

// tokens are the signatures of a webhook-signature header.
type tokens struct {
	v1    [][sha256.Size]byte
	v1a   [][ed25519.SignatureSize]byte
	known int // of a wanted version, well formed or not
}

// parseTokens reads the versions that there are keys for and passes over all
// others. A malformed signature matches nothing, but it is one.
func parseTokens(values []string, wantV1, wantV1a bool) (t tokens) {
	for _, value := range values {
		for token := range strings.SplitSeq(value, " ") {
			version, text, ok := strings.Cut(token, ",")
			if !ok || t.known == maxTokens {
				continue
			}
			switch {
			case version == "v1" && wantV1:
				t.known++
				var sum [sha256.Size]byte
				if decodeSignature(sum[:], text) {
					t.v1 = append(t.v1, sum)
				}
			case version == "v1a" && wantV1a:
				t.known++
				var signature [ed25519.SignatureSize]byte
				if decodeSignature(signature[:], text) {
					t.v1a = append(t.v1a, signature)
				}
			}
		}
	}
	return t
}

// decodeSignature fills dst if text is its one valid spelling: padded and with
// no stray bits in the last digit, so that no signature has a second form. The
// decoder skips line ends, and then finds too few digits.
func decodeSignature(dst []byte, text string) bool {
	if len(text) != base64.StdEncoding.EncodedLen(len(dst)) {
		return false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == len(dst) && copy(dst, raw) == len(dst)
}
