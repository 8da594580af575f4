package webhook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/signer"
)

// SignatureScheme is a form of signature.
type SignatureScheme string

// The schemes. The first two are those of Standard Webhooks 1.0.0; the others are
// for receivers that expect another service's signatures (see signer.Scheme for what
// each of them signs, and what it does not).
const (
	SchemeV1     SignatureScheme = "v1"     // HMAC-SHA256, a shared secret
	SchemeV1a    SignatureScheme = "v1a"    // Ed25519, receivers hold a public key
	SchemeGitHub SignatureScheme = "github" // X-Hub-Signature-256: sha256=…
	SchemeStripe SignatureScheme = "stripe" // Stripe-Signature: t=…,v1=…
	SchemeCustom SignatureScheme = "custom" // a header of your choice: prefix and digest
)

// Standard reports whether a scheme is one of Standard Webhooks.
func (s SignatureScheme) Standard() bool { return s == SchemeV1 || s == SchemeV1a }

var schemes = []SignatureScheme{SchemeV1, SchemeV1a, SchemeGitHub, SchemeStripe, SchemeCustom}

// Signature is how deliveries to an endpoint are signed. Every request carries
// webhook-id and webhook-timestamp, whatever the scheme. Signatures are compared
// with ==.
type Signature struct {
	// Scheme is the form. Defaults to v1.
	Scheme SignatureScheme
	// Header holds the signature: of your choice for custom, where it is
	// required, and for stripe, where it defaults to Stripe-Signature. The
	// other schemes have theirs.
	Header string
	// Prefix stands before the digest of custom, as in "sha256=": visible ASCII,
	// at most 64 bytes.
	Prefix string
}

// String returns the signature in one line, as stores keep it: "v1", "stripe
// Acme-Signature", "custom X-Acme-Hmac sha256=".
func (s Signature) String() string {
	return strings.TrimRight(string(s.Scheme)+" "+s.Header+" "+s.Prefix, " ")
}

// ParseSignature reads what String wrote. It does not judge it.
func ParseSignature(text string) Signature {
	parts := strings.SplitN(text+"  ", " ", 4)
	return Signature{Scheme: SignatureScheme(parts[0]), Header: parts[1], Prefix: parts[2]}
}

// Form returns the scheme as package signer knows it. The error is one of
// Validate's.
func (s Signature) Form() (signer.Scheme, error) {
	switch s.Scheme {
	case SchemeV1, SchemeV1a:
		return signer.Scheme{}, nil
	case SchemeGitHub:
		return signer.GitHub(), nil
	case SchemeStripe:
		return signer.Stripe(s.Header)
	case SchemeCustom:
		return signer.Custom(s.Header, s.Prefix)
	}
	return signer.Scheme{}, signer.ErrBadScheme
}

func (s Signature) withDefaults() Signature {
	if s.Scheme == "" {
		s.Scheme = SchemeV1
	}
	return s
}

const (
	maxSignatureHeader = 128
	maxSignaturePrefix = 64
)

// Validate returns nil, or an *InvalidError with the fields signature.scheme,
// signature.header and signature.prefix. The signature's header must not be one that
// the endpoint sends anyway.
func (s Signature) Validate(ep *Endpoint) error {
	var inv InvalidError
	s.validate(&inv, ep)
	return inv.Err()
}

func (s Signature) validate(inv *InvalidError, ep *Endpoint) {
	s = s.withDefaults()
	if !slices.Contains(schemes, s.Scheme) {
		inv.Add("signature.scheme", CodeInvalidField, "Must be v1, v1a, github, stripe or custom.")
		return
	}
	switch {
	case s.Scheme != SchemeStripe && s.Scheme != SchemeCustom && s.Header != "":
		inv.Add("signature.header", CodeInvalidField, "Only stripe and custom have a header of your choice.")
	case s.Scheme == SchemeCustom && s.Header == "":
		inv.Add("signature.header", CodeInvalidField, "Custom needs a header.")
	case s.Header != "" && (len(s.Header) > maxSignatureHeader || !isToken(s.Header)):
		inv.Add("signature.header", CodeInvalidField, fmt.Sprintf("Must be an HTTP token of at most %d bytes.", maxSignatureHeader))
	case ReservedHeader(s.Header) || strings.EqualFold(s.Header, "authorization"):
		inv.Add("signature.header", CodeHeaderNotAllowed, "A header of this name cannot hold a signature.")
	case s.collides(ep):
		inv.Add("signature.header", CodeHeaderNotAllowed, "Is one of the endpoint's own headers, or that of its authentication.")
	}
	switch {
	case s.Scheme != SchemeCustom && s.Prefix != "":
		inv.Add("signature.prefix", CodeInvalidField, "Only custom has a prefix.")
	case len(s.Prefix) > maxSignaturePrefix || strings.Contains(s.Prefix, " ") || !isHeaderValue(s.Prefix) || strings.Contains(s.Prefix, "\t"):
		inv.Add("signature.prefix", CodeInvalidField, fmt.Sprintf("Must be visible ASCII of at most %d bytes.", maxSignaturePrefix))
	}
}

// collides reports whether the endpoint sends the signature's header already.
func (s Signature) collides(ep *Endpoint) bool {
	form, err := s.Form()
	if err != nil || form.Standard() { // "webhook-…" can be nobody's own
		return false
	}
	header := fold(form.Header())
	for name := range ep.Headers {
		if fold(name) == header {
			return true
		}
	}
	return fold(ep.Auth.HeaderName()) == header
}
