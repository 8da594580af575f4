package webhook

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Prefix says what an id names. It is the part of the id before the ULID.
type Prefix string

// The prefixes of all ids.
const (
	PrefixEvent    Prefix = "evt_"
	PrefixEndpoint Prefix = "ep_"
	PrefixDelivery Prefix = "dlv_"
	PrefixAttempt  Prefix = "att_"
	PrefixBatch    Prefix = "bat_"
	PrefixJob      Prefix = "job_"
	PrefixSecret   Prefix = "sec_"
	PrefixAudit    Prefix = "aud_"
	PrefixIncident Prefix = "inc_"
	// The ids of tokens, which are no secrets.
	PrefixAPIKey      Prefix = "key_"
	PrefixPortalToken Prefix = "ptk_"
)

// NewID returns a fresh id: the prefix and a ULID of now with 80 random bits
// from crypto/rand. Ids sort by the millisecond they were made in, contain no
// dot (the Standard Webhooks signature separates its parts with dots) and are
// hard to guess, but they are not secrets.
func NewID(p Prefix) string {
	id, err := NewIDFrom(p, time.Now(), rand.Reader)
	if err != nil {
		// crypto/rand never returns an error since Go 1.24: the program
		// crashes first.
		return string(p)
	}
	return id
}

// NewIDFrom returns an id made at the given time with 80 bits read from
// entropy. It fails only if entropy fails, or if at is outside the years that
// a ULID can express (1970 to 10889).
func NewIDFrom(p Prefix, at time.Time, entropy io.Reader) (string, error) {
	u, err := ulid.New(ulid.Timestamp(at), entropy)
	if err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	b := make([]byte, len(p)+ulid.EncodedSize)
	n := copy(b, p)
	if err := u.MarshalTextTo(b[n:]); err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return string(b), nil
}

// ValidID reports whether s is an id with this prefix, in the one spelling that
// NewID gives it (a ULID may be written in lower case elsewhere). Stores and
// handlers treat anything else as unknown without looking it up.
func (p Prefix) ValidID(s string) bool {
	rest, ok := strings.CutPrefix(s, string(p))
	if !ok || len(rest) != ulid.EncodedSize {
		return false
	}
	u, err := ulid.ParseStrict(rest)
	return err == nil && u.String() == rest
}

// Floor returns the smallest id that can have been made at or after t. Ids of
// one kind are ordered by time, so it turns a time range into an id range.
func (p Prefix) Floor(t time.Time) string {
	var u ulid.ULID
	if t.After(ulid.Time(0)) {
		_ = u.SetTime(min(ulid.Timestamp(t), ulid.MaxTime())) // fails only past MaxTime
	}
	return string(p) + u.String()
}

// IDTime returns the millisecond in which an id was made, and false if s is
// not an id of this kind.
func (p Prefix) IDTime(s string) (time.Time, bool) {
	if !p.ValidID(s) {
		return time.Time{}, false
	}
	u, err := ulid.ParseStrict(s[len(p):])
	if err != nil {
		return time.Time{}, false
	}
	return ulid.Time(u.Time()), true
}
