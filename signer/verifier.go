package signer

import (
	"crypto/ed25519"
	"crypto/sha256"
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
	// ErrMissingHeader is returned if a header of the scheme is missing or
	// empty: webhook-id, webhook-timestamp or webhook-signature, or what holds
	// the signature in another scheme. The text says which.
	ErrMissingHeader = errors.New("signer: missing header")

	// ErrTooOld is returned if the timestamp lies further in the past than the
	// tolerance: a replay, a delay on the way, or a wrong clock.
	ErrTooOld = errors.New("signer: webhook timestamp too old")

	// ErrTooNew is returned if the timestamp lies further in the future than
	// the tolerance: a wrong clock on one side.
	ErrTooNew = errors.New("signer: webhook timestamp too new")

	// ErrNoSignature is returned if there is no signature of a version that the
	// verifier has a key for, v1 for secrets and v1a for public keys, or none
	// that is well formed in another scheme.
	ErrNoSignature = errors.New("signer: no signature of a known scheme")

	// ErrNoMatch is returned if no signature was made with any of the keys
	// over this id, timestamp and body.
	ErrNoMatch = errors.New("signer: no matching signature")
)

// VerifierConfig is what NewVerifierWith makes a Verifier from. At least one
// key is required; every other zero value means the default.
type VerifierConfig struct {
	// Scheme is how the sender signs. No other is looked at.
	// Defaults to Standard Webhooks.
	Scheme Scheme

	// TextSecrets verify the signatures of the other schemes, and those alone.
	// Any of them will do, so that the sender can rotate them.
	// Defaults to none.
	TextSecrets []TextSecret

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

	// Decrypter opens what Middleware passes on, if the sender has encrypted it
	// (Content-Type application/jose); Verify does not decrypt.
	// Defaults to nil: such a body is passed on as it is.
	Decrypter Decrypter

	// Duplicates lets Middleware pass each webhook on once. Verifiers whose
	// handlers do different things with the same events need one each.
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
	scheme     Scheme
	texts      []TextSecret
	secrets    []Secret
	publics    []PublicKey
	tolerance  int64 // seconds
	maxBody    int64
	decrypter  Decrypter
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
// keys or one of them is the zero value, ErrKeyType if there are some that the
// scheme has no use for, and an error if Tolerance is under a second or MaxBody
// is negative.
func NewVerifierWith(cfg VerifierConfig) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	v := &Verifier{
		scheme:     cfg.Scheme,
		texts:      append([]TextSecret(nil), cfg.TextSecrets...),
		secrets:    append([]Secret(nil), cfg.Secrets...),
		publics:    append([]PublicKey(nil), cfg.PublicKeys...),
		tolerance:  int64(cfg.Tolerance / time.Second),
		maxBody:    cfg.MaxBody,
		decrypter:  cfg.Decrypter,
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
	fit, unfit := len(c.Secrets)+len(c.PublicKeys), len(c.TextSecrets)
	if !c.Scheme.Standard() {
		fit, unfit = unfit, fit
	}
	if unfit > 0 {
		return fmt.Errorf("%w: the scheme verifies with another", ErrKeyType)
	}
	if fit == 0 {
		return ErrNoKey
	}
	for _, k := range c.TextSecrets {
		if k.IsZero() {
			return ErrNoKey
		}
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
// ErrNoMatch; the first that applies, in this order. What the scheme does not
// sign, the id or the timestamp, may be missing and is not judged.
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
	unix int64 // -1 if it is not signed
	tokens
	sums [][sha256.Size]byte // of schemes other than Standard Webhooks
}

// readClaim does all of Verify that needs no body.
func (v *Verifier) readClaim(header http.Header) (claim, error) {
	if v.scheme.Standard() {
		return v.readStandard(header)
	}
	return v.readOther(header)
}

// readOther is readClaim for schemes that do not sign the id.
func (v *Verifier) readOther(header http.Header) (c claim, err error) {
	if c.sums, c.unix, err = v.scheme.readSums(header); err != nil {
		return c, err
	}
	switch values := header[keyID]; {
	case len(values) == 1 && validID(values[0]):
		c.id = values[0]
	case len(values) > 0:
		return c, ErrBadID
	}
	if c.unix >= 0 {
		err = v.recent(c.unix)
	}
	return c, err
}

// recent judges the time of an attempt.
func (v *Verifier) recent(unix int64) error {
	switch now := time.Now().Unix(); {
	case now-unix > v.tolerance:
		return ErrTooOld
	case unix-now > v.tolerance:
		return ErrTooNew
	}
	return nil
}

func (v *Verifier) readStandard(header http.Header) (c claim, err error) {
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
	if err := v.recent(c.unix); err != nil {
		return c, err
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
	if len(c.sums) > 0 {
		for _, s := range v.texts {
			if sum := s.digest(v.scheme, c.unix, body); among(sum, c.sums) {
				return nil
			}
		}
		return ErrNoMatch
	}
	if len(c.v1) > 0 {
		for _, s := range v.secrets {
			if sum := s.k().digest(c.id, c.unix, body); among(sum, c.v1) {
				return nil
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

// among compares a digest with those that were sent, each in constant time.
func among(sum [sha256.Size]byte, sent [][sha256.Size]byte) bool {
	for i := range sent {
		if subtle.ConstantTimeCompare(sum[:], sent[i][:]) == 1 {
			return true
		}
	}
	return false
}
