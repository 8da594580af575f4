package signer

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// A Decrypter opens the bodies that a sender has encrypted. Package jwe has one. It
// must be safe for concurrent use.
type Decrypter interface {
	// Decrypt returns what is in a JWE in compact serialization (RFC 7516), and
	// its media type. It changes no part of body.
	Decrypt(ctx context.Context, body []byte) (plain []byte, contentType string, err error)
}

// ErrDecrypt is what OnReject is told if a genuine webhook cannot be decrypted; the
// error wraps the Decrypter's too.
var ErrDecrypt = errors.New("signer: body cannot be decrypted")

const textUndecryptable = "Request body could not be decrypted. Check the public key."

// decrypted returns a request and its body as they were before the sender encrypted
// the body. What is not encrypted is returned as it is: its signature says already
// who made it.
func (v *Verifier) decrypted(r *http.Request, body []byte) (*http.Request, []byte, error) {
	if v.decrypter == nil {
		return r, body, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/jose" {
		return r, body, nil
	}
	plain, kind, err := v.decrypter.Decrypt(r.Context(), body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDecrypt, err)
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header.Set("Content-Type", kind)
	return r, plain, nil
}
