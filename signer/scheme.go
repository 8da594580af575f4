package signer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The header names of other schemes, in canonical form.
const (
	headerGitHub = "X-Hub-Signature-256"
	headerStripe = "Stripe-Signature"

	prefixGitHub = "sha256="
	maxPrefix    = 64
)

// ErrBadScheme is returned for a scheme whose header is no token of HTTP (RFC 9110
// section 5.6.2) or begins with "webhook-", or whose prefix is over 64 bytes or not
// visible ASCII; and where another scheme is wanted than the one given.
var ErrBadScheme = errors.New("signer: bad signature scheme")

// A Scheme is how webhooks are signed, for senders and receivers that come from
// elsewhere. The zero Scheme is Standard Webhooks, the one to choose if there is a
// choice; the others exist for receivers that cannot be changed yet:
//
//	              header               signed            signatures while rotating
//	Standard      Webhook-Signature    id, time, body    of all keys
//	Stripe        Stripe-Signature     time, body        of all keys
//	GitHub        X-Hub-Signature-256  body              of the newest key alone
//	Custom        of your choice       body              of the newest key alone
//
// All but the first are HMAC-SHA256 in hex digits, with a TextSecret for a key.
// Headers with the id and the time are sent by every scheme, but what is not
// signed proves nothing: under GitHub and Custom a request that was recorded can
// be sent again at any time, under Stripe within the tolerance, and in all three
// with another id. A Deduplicator is therefore asked about the digest of the body
// and not about the id.
//
// Schemes are compared with ==.
type Scheme struct {
	form           schemeForm
	header, prefix string
}

type schemeForm int

const (
	formStandard schemeForm = iota
	formBody                // prefix and digest of the body
	formStripe              // t=…,v1=…
)

// GitHub returns the scheme of GitHub's webhooks: the header X-Hub-Signature-256
// holds "sha256=" and the digest of the body.
func GitHub() Scheme { return Scheme{form: formBody, header: headerGitHub, prefix: prefixGitHub} }

// Stripe returns the scheme of Stripe's webhooks: the header, Stripe-Signature if
// it is "", holds the time and the signatures, as in "t=1492774577,v1=…,v1=…". The
// error is ErrBadScheme.
func Stripe(header string) (Scheme, error) {
	if header == "" {
		header = headerStripe
	}
	return checkScheme(Scheme{form: formStripe, header: header})
}

// Custom returns a scheme in which a header holds a prefix, such as "sha256=" or
// none, and the digest of the body. The error is ErrBadScheme.
func Custom(header, prefix string) (Scheme, error) {
	return checkScheme(Scheme{form: formBody, header: header, prefix: prefix})
}

func checkScheme(s Scheme) (Scheme, error) {
	s.header = http.CanonicalHeaderKey(s.header)
	switch {
	case !isToken(s.header) || strings.HasPrefix(s.header, "Webhook-"):
		return Scheme{}, fmt.Errorf("%w: not a header for signatures", ErrBadScheme)
	case len(s.prefix) > maxPrefix || !printable(s.prefix, '!'):
		return Scheme{}, fmt.Errorf("%w: not a prefix", ErrBadScheme)
	}
	return s, nil
}

// Header returns the canonical name of the header that holds the signatures.
func (s Scheme) Header() string {
	if s.form == formStandard {
		return keySignature
	}
	return s.header
}

// Standard reports whether this is Standard Webhooks.
func (s Scheme) Standard() bool { return s.form == formStandard }

// Value returns the value of the scheme's header for a webhook that is sent at a
// time. Of several secrets the first is the newest; where the header has room for
// one signature, it alone signs.
//
// It returns ErrNoKey without a secret or for a zero one, ErrBadTimestamp if the
// time is before 1970, and ErrBadScheme for Standard Webhooks, which function
// Header signs.
func (s Scheme) Value(at time.Time, body []byte, secrets ...TextSecret) (string, error) {
	unix := at.Unix()
	switch {
	case s.form == formStandard:
		return "", fmt.Errorf("%w: Standard Webhooks are signed by Header", ErrBadScheme)
	case unix < 0:
		return "", ErrBadTimestamp
	case len(secrets) == 0:
		return "", ErrNoKey
	}
	prefix := s.prefix
	value := make([]byte, 0, len(prefix)+hex.EncodedLen(sha256.Size))
	if s.form == formBody {
		secrets = secrets[:1]
	} else {
		value = strconv.AppendInt(append(value, "t="...), unix, 10)
		prefix = ",v1="
	}
	for _, secret := range secrets {
		if secret.IsZero() {
			return "", ErrNoKey
		}
		sum := secret.digest(s, unix, body)
		value = hex.AppendEncode(append(value, prefix...), sum[:])
	}
	return string(value), nil
}

// appendPrefix appends what is signed before the body.
func (s Scheme) appendPrefix(b []byte, unix int64) []byte {
	if s.form == formStripe {
		b = append(strconv.AppendInt(b, unix, 10), '.')
	}
	return b
}

// readSums returns the signatures that a request carries and, where the scheme
// signs it, the time; else -1. The errors are those of Verifier.Verify.
func (s Scheme) readSums(header http.Header) (sums [][sha256.Size]byte, unix int64, err error) {
	values := header[s.header]
	switch {
	case len(values) == 0 || values[0] == "":
		return nil, 0, fmt.Errorf("%w: %s", ErrMissingHeader, strings.ToLower(s.header))
	case len(values) > 1:
		return nil, 0, ErrNoSignature
	case s.form == formStripe:
		return readStripe(values[0])
	}
	text, ok := strings.CutPrefix(values[0], s.prefix)
	sum, valid := decodeSum(text)
	if !ok || !valid {
		return nil, 0, ErrNoSignature
	}
	return [][sha256.Size]byte{sum}, -1, nil
}

// readStripe reads "t=…,v1=…,v1=…". What it does not know it passes over: older
// versions must not count.
func readStripe(value string) (sums [][sha256.Size]byte, unix int64, err error) {
	unix = -1
	for element := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(element, "=")
		switch {
		case name == "t":
			if unix >= 0 {
				return nil, 0, ErrBadTimestamp
			}
			if unix, err = parseTimestamp(text); err != nil {
				return nil, 0, err
			}
		case name == "v1" && len(sums) < maxTokens:
			if sum, ok := decodeSum(text); ok {
				sums = append(sums, sum)
			}
		}
	}
	if unix < 0 {
		return nil, 0, ErrBadTimestamp
	}
	if len(sums) == 0 {
		return nil, 0, ErrNoSignature
	}
	return sums, unix, nil
}

// decodeSum reads a digest in its one spelling, lower case hex digits.
func decodeSum(text string) (sum [sha256.Size]byte, ok bool) {
	if len(text) != hex.EncodedLen(len(sum)) || strings.ToLower(text) != text {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(text))
	return sum, err == nil
}

// isToken reports whether s can be the name of a header.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
