package seal

import (
	"context"
	"fmt"
)

const checkText = "postrider keyring check"

var checkPlace = AssociatedData{Field: "keyring.check"}

// CheckPlace returns what a check is bound to, for whoever seals it anew.
func CheckPlace() AssociatedData { return checkPlace }

// NewCheck seals a known text. Stored in the database before the key is used for
// anything else, it lets a later start find out by VerifyCheck that it has the
// wrong key. KeyID of the check tells which key it stands for.
func NewCheck(ctx context.Context, s Sealer) ([]byte, error) {
	check, err := s.Seal(ctx, []byte(checkText), checkPlace)
	if err != nil {
		return nil, fmt.Errorf("make keyring check: %w", err)
	}
	return check, nil
}

// VerifyCheck returns nil if s opens a check of NewCheck. It returns an error
// that matches ErrWrongKey if s lacks the key, ErrPlaintext if the check was made
// by Plaintext, and ErrCorrupt if it was altered.
func VerifyCheck(ctx context.Context, s Sealer, check []byte) error {
	text, err := s.Open(ctx, check, checkPlace)
	if err == nil && string(text) != checkText {
		err = ErrCorrupt
	}
	if err != nil {
		return fmt.Errorf("verify keyring check: %w", err)
	}
	return nil
}
