package send

import (
	"fmt"

	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/webhook"
)

// The media types of a body, as it was made and encrypted.
const (
	typeJSON = "application/json"
	typeJOSE = "application/jose"
)

// encryption returns what encrypts a body for an endpoint, or nil if nothing does. A
// key that is no good makes every attempt fail: nothing is sent that its owner wants
// encrypted.
func encryption(e webhook.Encryption) func([]byte) ([]byte, error) {
	if !e.Enabled() {
		return nil
	}
	key, id, err := e.PublicKey()
	if err != nil {
		return func([]byte) ([]byte, error) { return nil, fmt.Errorf("read encryption key: %w", err) }
	}
	encrypter, err := jwe.NewEncrypter(key, id)
	if err != nil {
		return func([]byte) ([]byte, error) { return nil, fmt.Errorf("use encryption key: %w", err) }
	}
	return func(plain []byte) ([]byte, error) { return encrypter.Encrypt(plain, typeJSON) }
}

// bodyFor returns the bytes that are sent of a message, and their media type.
func (r *Route) bodyFor(msg *Message) (body []byte, contentType string, err error) {
	if r.encrypt == nil {
		return msg.body, typeJSON, nil
	}
	body, err = r.encrypt(msg.body)
	return body, typeJOSE, err
}
