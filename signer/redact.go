package signer

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what a key looks like everywhere but in Reveal.
const mask = "***"

// redacted gives the type that embeds it one harmless form in every way Go has
// to write a value out.
//
// That is not enough where no methods are called: fmt does not call those of
// unexported fields (and follows their pointers for a verb that does not fit),
// dumpers in tests call none at all, and stack traces print argument words. So
// a type that embeds redacted keeps its key in a closure, which reflection
// cannot enter, and all of these show an address.
type redacted struct{}

// String returns "***".
func (redacted) String() string { return mask }

// GoString returns "***".
func (redacted) GoString() string { return mask }

// Format writes "***" for every verb.
func (redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalJSON returns "***" in quotes.
func (redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText returns "***".
func (redacted) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns "***".
func (redacted) LogValue() slog.Value { return slog.StringValue(mask) }
