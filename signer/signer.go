package signer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The request headers of a signed webhook (Standard Webhooks 1.0.0, "Webhook
// headers").
const (
	// HeaderID holds the id of the event, the same on every attempt.
	HeaderID = "webhook-id"
	// HeaderTimestamp holds the time of the attempt in Unix seconds.
	HeaderTimestamp = "webhook-timestamp"
	// HeaderSignature holds the signatures, separated by spaces.
	HeaderSignature = "webhook-signature"
)

var (
	// ErrNoSigner is returned by Header if it is given no Signer, or a nil
	// one: a webhook is never sent unsigned.
	ErrNoSigner = errors.New("signer: no signer")

	// ErrBadToken is returned by Header if a Signer gave something that is not
	// one signature token: an empty text, or one with spaces, control
	// characters or no comma.
	ErrBadToken = errors.New("signer: malformed signature token")
)

// A Signer signs one attempt to deliver a webhook. Secret and PrivateKey are
// Signers; implement it to leave the key in a KMS or an HSM.
//
// Sign returns one signature token, a version, a comma and a signature in
// padded standard base64: "v1,…" for HMAC-SHA256 or "v1a,…" for Ed25519, over
// the id, a dot, the Unix seconds of at, a dot and the body. It keeps and
// changes no part of body. It refuses what Header refuses (ErrBadID,
// ErrBadTimestamp) if it can be called without Header. It gives up when ctx
// ends if it waits for anything. It must be safe for concurrent use.
type Signer interface {
	Sign(ctx context.Context, id string, at time.Time, body []byte) (string, error)
}

// A PublicSigner is a Signer of v1a whose public key is known, so that receivers
// can be given it.
type PublicSigner interface {
	Signer
	Public() PublicKey
}

var (
	_ Signer       = Secret{}
	_ PublicSigner = PrivateKey{}
)

// TokenV1a returns the token of a v1a signature that was made elsewhere, by a Signer
// whose key is in a KMS: 64 bytes over what SignedContent returns.
func TokenV1a(signature []byte) string {
	return tokenPrefixV1a + base64.StdEncoding.EncodeToString(signature)
}

// SignedContent returns what a v1a signature, or a v1 HMAC, is made over: the id, a
// dot, the Unix seconds, a dot and the body (Standard Webhooks 1.0.0, "Signature
// scheme"). It returns ErrBadID or ErrBadTimestamp.
func SignedContent(id string, at time.Time, body []byte) ([]byte, error) {
	unix, err := checkSigned(id, at)
	if err != nil {
		return nil, err
	}
	b := appendPrefix(make([]byte, 0, maxID+32+len(body)), id, unix)
	return append(b, body...), nil
}

// Header returns the value of the webhook-signature header: the tokens of all
// signers in the given order, joined by spaces (Standard Webhooks 1.0.0,
// "Signature scheme"). While a key is rotated, give the new one first and the
// old one second.
//
// It returns ErrBadID, ErrBadTimestamp, ErrNoSigner, ErrBadToken, or the error
// of the first Signer that failed: all sign, or there is no header.
func Header(ctx context.Context, id string, at time.Time, body []byte, signers ...Signer) (string, error) {
	if _, err := checkSigned(id, at); err != nil {
		return "", err
	}
	switch len(signers) {
	case 0:
		return "", ErrNoSigner
	case 1: // the common case, without a second copy of the token
		return signToken(ctx, id, at, body, signers[0])
	}
	tokens := make([]string, 0, len(signers))
	for _, s := range signers {
		token, err := signToken(ctx, id, at, body, s)
		if err != nil {
			return "", err
		}
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, " "), nil
}

// signToken has one signer sign and does not trust it to return a token.
func signToken(ctx context.Context, id string, at time.Time, body []byte, s Signer) (string, error) {
	if s == nil {
		return "", ErrNoSigner
	}
	token, err := s.Sign(ctx, id, at, body)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if !validToken(token) {
		return "", ErrBadToken
	}
	return token, nil
}

// validToken reports whether s can stand in a list of tokens without being
// taken for none or for several.
func validToken(s string) bool {
	version, signature, ok := strings.Cut(s, ",")
	if !ok || version == "" || signature == "" {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
