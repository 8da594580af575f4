package send

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/webhook"
)

// typeJOSE is the media type of a body that was encrypted.
const typeJOSE = "application/jose"

// encryption returns what encrypts a body of a media type for an endpoint, or nil if
// nothing does. A key that is no good makes every attempt fail: nothing is sent that
// its owner wants encrypted.
func encryption(e webhook.Encryption) func(plain []byte, contentType string) ([]byte, error) {
	if !e.Enabled() {
		return nil
	}
	key, id, err := e.PublicKey()
	if err != nil {
		return func([]byte, string) ([]byte, error) { return nil, fmt.Errorf("read encryption key: %w", err) }
	}
	encrypter, err := jwe.NewEncrypter(key, id)
	if err != nil {
		return func([]byte, string) ([]byte, error) { return nil, fmt.Errorf("use encryption key: %w", err) }
	}
	return encrypter.Encrypt
}

// bodyFor returns the bytes that are sent of a message, and their media type.
func (s *Sender) bodyFor(ctx context.Context, r *Route, msg *Message) (body []byte, contentType string, err error) {
	body, contentType, err = s.frame(ctx, r, msg)
	if err != nil || r.encrypt == nil {
		return body, contentType, err
	}
	if body, err = r.encrypt(body, contentType); err != nil {
		err = &shapeError{webhook.ClassEncryptionError, err}
	}
	return body, typeJOSE, err
}
