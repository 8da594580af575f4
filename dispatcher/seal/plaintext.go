package seal

import (
	"bytes"
	"context"
)

// Plaintext is the Sealer of a host that sets AllowPlaintextSecrets: it puts one
// byte in front of a value, which says that the value is not sealed, and no
// more. It does not notice altered values. Do not use it where anyone but the
// host can read the database or its backups.
type Plaintext struct{}

var _ Sealer = Plaintext{}

// Seal returns plaintext behind the mark of unsealed values. It never fails.
func (Plaintext) Seal(_ context.Context, plaintext []byte, _ AssociatedData) ([]byte, error) {
	return append([]byte{formatPlain}, plaintext...), nil
}

// Open returns what Seal was given. It fails with ErrWrongKey for what a Keyring
// has sealed, and with ErrCorrupt for bytes without the mark.
func (Plaintext) Open(_ context.Context, sealed []byte, _ AssociatedData) ([]byte, error) {
	switch {
	case KeyID(sealed) != "":
		return nil, ErrWrongKey
	case len(sealed) == 0 || sealed[0] != formatPlain:
		return nil, ErrCorrupt
	}
	return bytes.Clone(sealed[1:]), nil
}
