package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// The lengths of the parts of a secret's text.
const (
	prefixLen   = 4
	randomLen   = 43 // of 32 bytes in base64url
	checksumLen = 6  // of 4 bytes
)

// prefixes are what texts begin with: they tell which kind of token was shown.
var prefixes = map[string]webhook.TokenKind{"prk_": webhook.TokenAPIKey, "prp_": webhook.TokenPortal}

// Hash is what the store has of a secret.
type Hash = [sha256.Size]byte

// Text returns the secret of a new token of a kind, with 32 random bytes in base64url.
func Text(kind webhook.TokenKind, random string) string {
	for prefix, k := range prefixes {
		if k == kind {
			return prefix + random + checksum(prefix+random)
		}
	}
	return ""
}

// HashOf returns the hash of a secret.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// KindOf returns which kind of token a text claims to be, and "" for what is no token's
// secret at all, such as credentials of the host's.
func KindOf(text string) webhook.TokenKind {
	if len(text) < prefixLen {
		return ""
	}
	return prefixes[text[:prefixLen]]
}

// wellFormed reports whether a text can be the secret of a token.
func wellFormed(text string) bool {
	body, ok := strings.CutSuffix(text, checksum(text[:max(0, len(text)-checksumLen)]))
	return ok && len(body) == prefixLen+randomLen && KindOf(text) != ""
}

// checksum tells a text that was copied from one that was mistyped. It is no secret.
func checksum(text string) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}
