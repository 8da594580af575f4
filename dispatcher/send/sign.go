package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// signedContent is what a signature is made over.
type signedContent struct {
	id   string
	at   time.Time
	body []byte
	// values has room for those of three headers.
	values []string
}

// sign sets the headers of a signed webhook. The timestamp is the attempt's. All
// secrets that are in use sign, each in its own scheme; there is no request without
// a signature.
func (s *Sender) sign(ctx context.Context, header http.Header, r *Route, signed signedContent) error {
	values := signed.values
	values[0], values[1] = signed.id, strconv.FormatInt(signed.at.Unix(), 10)
	header["Webhook-Id"] = values[0:1:1]
	header["Webhook-Timestamp"] = values[1:2:2]

	var buf [2]signer.Signer
	standard, others := buf[:0], false
	for i := range r.signers {
		switch one := &r.signers[i]; {
		case !one.signsAt(signed.at):
		case !one.form.Standard():
			others = true
		case one.Signer != nil:
			standard = append(standard, one.Signer)
		default:
			standard = append(standard, &externalSigner{s.keys, r.Endpoint.Tenant, one.external.Reference, one.version})
		}
	}
	if others {
		if err := r.signOthers(header, signed); err != nil {
			return fmt.Errorf("sign event %s: %w", signed.id, err)
		}
		if len(standard) == 0 {
			return nil
		}
	}
	signature, err := signer.Header(ctx, signed.id, signed.at, signed.body, standard...)
	if err != nil {
		return fmt.Errorf("sign event %s: %w", signed.id, err)
	}
	values[2] = signature
	header["Webhook-Signature"] = values[2:3:3]
	return nil
}

// signOthers sets the signatures of schemes other than Standard Webhooks. Of two
// that want the same header the newer has it.
func (r *Route) signOthers(header http.Header, signed signedContent) error {
	set := make(map[string]bool)
	for i := range r.signers {
		one := &r.signers[i]
		if !one.signsAt(signed.at) || one.form.Standard() || set[one.form.Header()] {
			continue
		}
		var secrets []signer.TextSecret
		for _, other := range r.signers[i:] {
			if other.signsAt(signed.at) && other.form == one.form {
				secrets = append(secrets, other.text)
			}
		}
		value, err := one.form.Value(signed.at, signed.body, secrets...)
		if err != nil {
			return err
		}
		set[one.form.Header()] = true
		header[one.form.Header()] = []string{value}
	}
	return nil
}

// externalSigner signs with a key that stays outside.
type externalSigner struct {
	keys              ExternalKeys
	tenant, reference string
	version           webhook.SignatureScheme
}

var (
	// ErrNoExternalKeys means that an endpoint's key stays outside, and this
	// process was not told how to reach it.
	ErrNoExternalKeys = errors.New("no external keys are configured")
	// errVersion means that an external key is not of the endpoint's scheme: what
	// it signs would be taken for something else.
	errVersion = errors.New("external key signs in another scheme than the endpoint's")
)

// Sign implements signer.Signer.
func (e *externalSigner) Sign(ctx context.Context, id string, at time.Time, body []byte) (string, error) {
	if e.keys == nil {
		return "", ErrNoExternalKeys
	}
	key, err := e.keys(ctx, e.tenant, e.reference)
	if err != nil {
		return "", fmt.Errorf("find external key: %w", err)
	}
	if key == nil {
		return "", signer.ErrNoSigner
	}
	token, err := key.Sign(ctx, id, at, body)
	if err == nil && !strings.HasPrefix(token, string(e.version)+",") {
		return "", errVersion
	}
	return token, err
}
