package signer

import (
	"crypto/ed25519"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	defaultTolerance = 5 * time.Minute
	defaultMaxBody   = 1 << 20
)

// The header names in canonical form, which Header.Get would make anew for
// every request.
const (
	keyID        = "Webhook-Id"
	keyTimestamp = "Webhook-Timestamp"
	keySignature = "Webhook-Signature"
)

// Why a webhook was refused, next to ErrBadID and ErrBadTimestamp. They are
// for the receiver's own log; the sender is told no reason.
var (
	// ErrMissingHeader is returned if webhook-id, webhook-timestamp or
	// webhook-signature is missing or empty. The text says which.
	ErrMissingHeader = errors.New("signer: missing header")

	// ErrTooOld is returned if the timestamp lies further in the past than the
	// tolerance: a replay, a delay on the way, or a wrong clock.
	ErrTooOld = errors.New("signer: webhook timestamp too old")

	// ErrTooNew is returned if the timestamp lies further in the future than
	// the tolerance: a wrong clock on one side.
	ErrTooNew = errors.New("signer: webhook timestamp too new")

	// ErrNoSignature is returned if there is no signature of a scheme that the
	// verifier has a key for: v1 for secrets, v1a for public keys.
	ErrNoSignature = errors.New("signer: no signature of a known scheme")

	// ErrNoMatch is returned if no signature was made with any of the keys
	// over this id, timestamp and body.
	ErrNoMatch = errors.New("signer: no matching signature")
)

// VerifierConfig is what NewVerifierWith makes a Verifier from. At least one
// key is required; every other zero value means the default.
type VerifierConfig struct {
	// Secrets verify v1 signatures. Any of them will do, so that the sender
	// can rotate them.
	// Defaults to none.
	Secrets []Secret

	// PublicKeys verify v1a signatures. Any of them will do.
	// Defaults to none.
	PublicKeys []PublicKey

	// Tolerance is how far the timestamp of a webhook may lie from the
	// receiver's clock, in the past and in the future alike. Both are taken in
	// whole seconds, and a difference of exactly Tolerance is accepted. It
	// bounds how long a recorded request can be replayed, so it is at least a
	// second and cannot be turned off.
	// Defaults to 5 minutes.
	Tolerance time.Duration

	// MaxBody is the largest body that Middleware reads, in bytes. Verify does
	// not look at it: there the body is in memory already.
	// Defaults to 1 MiB.
	MaxBody int64

	// Duplicates lets Middleware pass each webhook on once.
	// Defaults to nil: every delivery is passed on, repetitions too.
	Duplicates Deduplicator

	// OnReject is told by Middleware why it turned a request away, before it
	// answers: one of this package's errors, or the error of reading the body.
	// It is also told, after the answer, if a webhook was handled and that could
	// not be remembered (ErrDeduplicator).
	// It is called from many goroutines at once, and must leave r.Body alone.
	// Defaults to nil, and then nobody is told.
	OnReject func(r *http.Request, reason error)
}

// A Verifier decides whether a webhook is genuine: signed by the holder of a
// key, not altered, and recent (Standard Webhooks 1.0.0, "Verifying webhook
// authenticity"). It is safe for concurrent use. The zero Verifier has no keys
// and refuses everything.
type Verifier struct {
	secrets    []Secret
	publics    []PublicKey
	tolerance  int64 // seconds
	maxBody    int64
	duplicates Deduplicator
	onReject   func(*http.Request, error)
}

// NewVerifier returns a Verifier with all defaults that accepts a signature
// made with any of the keys: secrets (whsec_, or plain base64) and public keys
// (whpk_), one a string, in any mixture. It returns the errors of ParseSecret
// and ParsePublicKey, and ErrNoKey if there are no keys.
func NewVerifier(keys ...string) (*Verifier, error) {
	var cfg VerifierConfig
	for i, s := range keys {
		if err := cfg.addKey(s); err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
	}
	return NewVerifierWith(cfg)
}

// NewVerifierWith returns a Verifier with keys that were parsed before, and
// with other settings than the defaults. It returns ErrNoKey if there are no
// keys or one of them is the zero value, and an error if Tolerance is under a
// second or MaxBody is negative.
func NewVerifierWith(cfg VerifierConfig) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	v := &Verifier{
		secrets:    append([]Secret(nil), cfg.Secrets...),
		publics:    append([]PublicKey(nil), cfg.PublicKeys...),
		tolerance:  int64(cfg.Tolerance / time.Second),
		maxBody:    cfg.MaxBody,
		duplicates: cfg.Duplicates,
		onReject:   cfg.OnReject,
	}
	if cfg.Tolerance == 0 {
		v.tolerance = int64(defaultTolerance / time.Second)
	}
	if cfg.MaxBody == 0 {
		v.maxBody = defaultMaxBody
	}
	return v, nil
}

func (c *VerifierConfig) addKey(s string) error {
	if strings.HasPrefix(s, prefixPublic) {
		key, err := ParsePublicKey(s)
		c.PublicKeys = append(c.PublicKeys, key)
		return err
	}
	key, err := ParseSecret(s)
	c.Secrets = append(c.Secrets, key)
	return err
}

func (c *VerifierConfig) check() error {
	if len(c.Secrets)+len(c.PublicKeys) == 0 {
		return ErrNoKey
	}
	for _, k := range c.Secrets {
		if k.IsZero() {
			return ErrNoKey
		}
	}
	for _, k := range c.PublicKeys {
		if k.IsZero() {
			return ErrNoKey
		}
	}
	if c.Tolerance != 0 && c.Tolerance < time.Second {
		return errors.New("signer: tolerance is under a second")
	}
	if c.MaxBody < 0 {
		return errors.New("signer: body limit is negative")
	}
	return nil
}

// Verify returns nil if the headers hold a signature by one of the keys over
// the id, the timestamp and exactly these bytes of the body, and the timestamp
// is within the tolerance of the clock. Otherwise it returns ErrMissingHeader,
// ErrBadID, ErrBadTimestamp, ErrTooOld, ErrTooNew, ErrNoSignature or
// ErrNoMatch; the first that applies, in this order.
//
// Signatures of unknown versions are passed over. Only the first 16 of a known
// version are looked at, since anybody can send more. Header names are in
// canonical form, as net/http and Header.Set leave them.
func (v *Verifier) Verify(header http.Header, body []byte) error {
	c, err := v.readClaim(header)
	if err != nil {
		return err
	}
	return v.match(c, body)
}

// claim is what the headers of a request say about it, so far without proof.
type claim struct {
	id   string
	unix int64
	tokens
}

// readClaim does all of Verify that needs no body.
func (v *Verifier) readClaim(header http.Header) (c claim, err error) {
	for _, key := range [...]string{keyID, keyTimestamp, keySignature} {
		if values := header[key]; len(values) == 0 || values[0] == "" {
			return c, fmt.Errorf("%w: %s", ErrMissingHeader, strings.ToLower(key))
		}
	}
	c.id = header[keyID][0]
	if !validID(c.id) || len(header[keyID]) > 1 {
		return c, ErrBadID
	}
	c.unix, err = parseTimestamp(header[keyTimestamp][0])
	if err != nil || len(header[keyTimestamp]) > 1 {
		return c, ErrBadTimestamp
	}
	switch now := time.Now().Unix(); {
	case now-c.unix > v.tolerance:
		return c, ErrTooOld
	case c.unix-now > v.tolerance:
		return c, ErrTooNew
	}
	c.tokens = parseTokens(header[keySignature], len(v.secrets) > 0, len(v.publics) > 0)
	if c.known == 0 {
		return c, ErrNoSignature
	}
	return c, nil
}

// match compares what was claimed with what each key makes of the body. A v1
// signature meets secrets only and a v1a signature public keys only.
func (v *Verifier) match(c claim, body []byte) error {
	if len(c.v1) > 0 {
		for _, s := range v.secrets {
			sum := s.k().digest(c.id, c.unix, body)
			for i := range c.v1 {
				if subtle.ConstantTimeCompare(sum[:], c.v1[i][:]) == 1 {
					return nil
				}
			}
		}
	}
	if len(c.v1a) > 0 {
		msg := make([]byte, 0, maxID+32+len(body))
		msg = append(appendPrefix(msg, c.id, c.unix), body...)
		for _, p := range v.publics {
			for i := range c.v1a {
				if ed25519.Verify(p.key[:], msg, c.v1a[i][:]) {
					return nil
				}
			}
		}
	}
	return ErrNoMatch
}
