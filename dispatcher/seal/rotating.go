package seal

// Rotating is a Sealer with several keys that can tell whether it would still seal a
// value with the key that it has. What is not current is sealed anew once the keys
// have been rotated.
type Rotating interface {
	Sealer
	// Current reports whether the key that a value was sealed with is the one that
	// Seal uses now. It does not open the value.
	Current(sealed []byte) bool
}

var (
	_ Rotating = (*Keyring)(nil)
	_ Rotating = (*Envelope)(nil)
)

// Current implements Rotating.
func (kr *Keyring) Current(sealed []byte) bool {
	return len(kr.ids) > 0 && len(sealed) >= headerSize && sealed[0] == formatGCM && [keyIDSize]byte(sealed[1:headerSize]) == kr.ids[0]
}
