package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SignatureReason says what is wrong with a request that was signed for an endpoint,
// for code.
type SignatureReason string

// The reasons, in the order in which they are found out.
const (
	// SignatureMissingHeader: a header that the scheme needs is not there.
	SignatureMissingHeader SignatureReason = "missing_header"
	// SignatureBadID: webhook-id is not an id.
	SignatureBadID SignatureReason = "bad_id"
	// SignatureBadTimestamp: the time is not one in Unix seconds.
	SignatureBadTimestamp SignatureReason = "bad_timestamp"
	// SignatureUnknownScheme: there is no signature of a scheme of the endpoint.
	SignatureUnknownScheme SignatureReason = "unknown_scheme"
	// SignatureSecretEnded: a secret has signed it that was replaced since.
	SignatureSecretEnded SignatureReason = "secret_ended"
	// SignatureBodyChanged: a secret of the endpoint has signed another body: the
	// one that was sent, or this one with other white space.
	SignatureBodyChanged SignatureReason = "body_changed"
	// SignatureWrongSecret: the body is the one that was sent, and no secret of the
	// endpoint has signed it with this id and time.
	SignatureWrongSecret SignatureReason = "wrong_secret"
	// SignatureNoMatch: no secret of the endpoint has signed this; which part is
	// wrong cannot be told.
	SignatureNoMatch SignatureReason = "no_match"
	// SignatureTooOld: all is right, and the time is over 5 minutes ago.
	SignatureTooOld SignatureReason = "timestamp_too_old"
	// SignatureTooNew: all is right, and the time is over 5 minutes ahead.
	SignatureTooNew SignatureReason = "timestamp_too_new"
)

// signatureMessages are the reasons as sentences for people.
var signatureMessages = map[SignatureReason]string{
	SignatureMissingHeader: "A header that belongs to the signature is missing: webhook-id, webhook-timestamp or the signature's own.",
	SignatureBadID:         "The webhook-id header does not hold an id.",
	SignatureBadTimestamp:  "The timestamp is not a time in Unix seconds.",
	SignatureUnknownScheme: "There is no signature of a scheme that this webhook is signed in.",
	SignatureSecretEnded:   "It is signed with a secret that was replaced since: take the present one.",
	SignatureBodyChanged:   "The body is not the one that was signed: verify the bytes as they came, before anything parses or formats them.",
	SignatureWrongSecret:   messageMismatch,
	SignatureNoMatch:       messageMismatch,
	SignatureTooOld:        "The signature is right, and its timestamp more than 5 minutes ago: a repetition, or a clock that is ahead.",
	SignatureTooNew:        "The signature is right, and its timestamp more than 5 minutes ahead: a clock is wrong.",
}

// messageMismatch is what receivers answer as well.
const messageMismatch = "Signature verification failed. Check your secret key."

// Verification is what came of verifying a signature.
type Verification struct {
	// Valid says that a receiver which does as package signer would take it now.
	Valid bool
	// Reason is why not, and Message the same as a sentence; both are empty if it
	// is valid.
	Reason  SignatureReason
	Message string
}

// VerifySignature tells a receiver's developers why a request does not verify: headers
// and body are those that arrived, and all schemes and secrets that an endpoint signs
// with are tried. Nothing is learned of the secrets, and nothing is stored. It counts
// as a test, for it reads secrets and may ask a key service.
//
// What is not valid is not an error. Errors are store.ErrNotFound, ErrTestLimit, the
// sealer's and those of keys that stay outside.
func (m *Manager) VerifySignature(ctx context.Context, tenant, endpoint string, header http.Header, body []byte) (Verification, error) {
	if err := known(webhook.PrefixEndpoint, tenant, endpoint); err != nil {
		return Verification{}, err
	}
	if err := m.allowTest(tenant); err != nil {
		return Verification{}, fmt.Errorf("verify signature: %w", err)
	}
	if _, err := m.record(ctx, tenant, endpoint); err != nil {
		return Verification{}, err
	}
	records, err := m.store.Secrets(ctx, tenant, endpoint)
	if err != nil {
		return Verification{}, err
	}
	v := verification{m: m, tenant: tenant, endpoint: endpoint, header: make(http.Header), body: body}
	for name, values := range header { // names may be as the developer has typed them
		name = http.CanonicalHeaderKey(name)
		v.header[name] = append(v.header[name], values...)
	}
	at := now()
	for _, s := range records {
		if s.Until.IsZero() || at.Before(s.Until) {
			v.live = append(v.live, s)
		} else {
			v.ended = append(v.ended, s)
		}
	}
	reason, err := v.judge(ctx)
	if err != nil {
		return Verification{}, fmt.Errorf("verify signature: %w", err)
	}
	return Verification{Valid: reason == "", Reason: reason, Message: signatureMessages[reason]}, nil
}

// verification is a call of VerifySignature.
type verification struct {
	m           *Manager
	tenant      string
	endpoint    string
	header      http.Header
	body        []byte
	live, ended []store.SecretRecord
}

// reasons are what errors of a verifier mean that need no second look.
var reasons = []struct {
	err    error
	reason SignatureReason
}{
	{signer.ErrMissingHeader, SignatureMissingHeader},
	{signer.ErrBadID, SignatureBadID},
	{signer.ErrBadTimestamp, SignatureBadTimestamp},
	{signer.ErrNoSignature, SignatureUnknownScheme},
}

func (v *verification) judge(ctx context.Context) (SignatureReason, error) {
	verifier, err := v.m.d.VerifierOf(ctx, v.tenant, v.live)
	if err != nil {
		return "", err
	}
	switch err = verifier.Verify(ctx, v.header, v.body); {
	case err == nil:
		return "", nil
	case errors.Is(err, signer.ErrTooOld):
		return SignatureTooOld, nil
	case errors.Is(err, signer.ErrTooNew):
		return SignatureTooNew, nil
	}
	// A secret that has ended may have been of another scheme.
	past, pastErr := v.m.d.VerifierOf(ctx, v.tenant, v.ended)
	switch {
	case pastErr != nil:
		return "", pastErr
	case signed(past.Verify(ctx, v.header, v.body)):
		return SignatureSecretEnded, nil
	case errors.Is(err, signer.ErrNoMatch):
		return v.mismatch(ctx, verifier)
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.reason, nil
		}
	}
	return "", err
}

// mismatch tells apart a body that was changed from a secret that is wrong, as far as
// there is proof of either.
func (v *verification) mismatch(ctx context.Context, verifier *dispatcher.SignatureVerifier) (SignatureReason, error) {
	for _, other := range respaced(v.body) {
		if signed(verifier.Verify(ctx, v.header, other)) {
			return SignatureBodyChanged, nil
		}
	}
	id := v.header.Get(signer.HeaderID)
	if !webhook.PrefixEvent.ValidID(id) {
		return SignatureNoMatch, nil
	}
	ev, err := v.m.store.Event(ctx, v.tenant, id)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && ev.Data == nil:
		return SignatureNoMatch, nil
	case err != nil:
		return "", err
	}
	sent, err := v.m.d.SentBody(ctx, v.tenant, v.endpoint, &ev)
	switch {
	case err != nil:
		return "", err
	case sent == nil:
		return SignatureNoMatch, nil
	case bytes.Equal(sent, v.body):
		return SignatureWrongSecret, nil
	case signed(verifier.Verify(ctx, v.header, sent)):
		return SignatureBodyChanged, nil
	}
	return SignatureNoMatch, nil
}

// signed reports whether an error of a verifier says that a secret has signed it.
func signed(err error) bool {
	return err == nil || errors.Is(err, signer.ErrTooOld) || errors.Is(err, signer.ErrTooNew)
}

// respaced returns a body with the white space that programs like to add taken away:
// at its ends, and throughout if it is JSON.
func respaced(body []byte) (others [][]byte) {
	if trimmed := bytes.TrimSpace(body); len(trimmed) < len(body) {
		others = append(others, trimmed)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, body) == nil && compact.Len() < len(body) {
		others = append(others, compact.Bytes())
	}
	return others
}
