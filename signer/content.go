package signer

import (
	"errors"
	"strconv"
	"time"
)

// maxID is the length of the longest id, in bytes.
const maxID = 64

var (
	// ErrBadID is returned if the id of a webhook is not 1 to 64 of the
	// characters A-Z, a-z, 0-9, "_" and "-", or is given twice. A dot above
	// all: it could move bytes between the id, the time and the body without
	// a change to what is signed.
	ErrBadID = errors.New("signer: bad webhook id")

	// ErrBadTimestamp is returned by a Verifier if the webhook-timestamp
	// header is not one whole number of seconds since 1970 in plain digits,
	// and by signing methods if the time is before 1970.
	ErrBadTimestamp = errors.New("signer: bad webhook timestamp")
)

// checkSigned returns at in Unix seconds if id and at may be signed.
func checkSigned(id string, at time.Time) (unix int64, err error) {
	if !validID(id) {
		return 0, ErrBadID
	}
	if unix = at.Unix(); unix < 0 {
		return 0, ErrBadTimestamp
	}
	return unix, nil
}

// appendPrefix appends what is signed before the body: "id.unix." (Standard
// Webhooks 1.0.0, "Signature scheme").
func appendPrefix(b []byte, id string, unix int64) []byte {
	b = append(b, id...)
	b = append(b, '.')
	b = strconv.AppendInt(b, unix, 10)
	return append(b, '.')
}

func validID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// parseTimestamp accepts only the text that signing writes. What is verified
// is then what was received, with no second spelling of the same number.
func parseTimestamp(s string) (unix int64, err error) {
	unix, err = strconv.ParseInt(s, 10, 64)
	if err != nil || unix < 0 || strconv.FormatInt(unix, 10) != s {
		return 0, ErrBadTimestamp
	}
	return unix, nil
}
