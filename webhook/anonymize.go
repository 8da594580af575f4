package webhook

import (
	"fmt"

	"github.com/postrider/postrider/webhook/pointer"
)

// AnonymizeAction says what becomes of a value.
type AnonymizeAction string

// What may become of it.
const (
	// AnonymizeRemove takes it out, with its name.
	AnonymizeRemove AnonymizeAction = "remove"
	// AnonymizeHash puts a string of 64 hexadecimal digits in its place: its
	// HMAC-SHA256 under a key of the tenant's own. Equal values give equal hashes, at
	// all endpoints of the tenant and for as long as its database lives, through
	// every change of the keyring. Other tenants' hashes of the value are different,
	// and nobody without the key can find a value by trying. A string is hashed
	// as it is meant, whatever escapes it was written with, and all else as it was
	// written.
	AnonymizeHash AnonymizeAction = "hash"
)

// Anonymization is what is done to one place of an event's data before it is sent.
type Anonymization struct {
	// Pointer names the place (RFC 6901), such as "/customer/email", in the data as it
	// is after the endpoint's Transform. At most 256 bytes; "" would be all of the
	// data and is refused. Data that has no such place is sent as it is.
	Pointer string
	Action  AnonymizeAction
}

const (
	maxAnonymize  = 50
	maxPointerLen = 256
)

func (ep Endpoint) validateAnonymize(inv *InvalidError) {
	bad := len(ep.Anonymize) > maxAnonymize
	for _, a := range ep.Anonymize {
		_, err := pointer.Parse(a.Pointer)
		bad = bad || err != nil || a.Pointer == "" || len(a.Pointer) > maxPointerLen || !cleanText(a.Pointer) ||
			a.Action != AnonymizeRemove && a.Action != AnonymizeHash
	}
	if bad {
		inv.Add("anonymize", CodeInvalidField,
			fmt.Sprintf("At most %d, each with a JSON pointer of 1 to %d bytes and the action remove or hash.", maxAnonymize, maxPointerLen))
	}
}
