// Package redact gives types that hold a secret one harmless form. It is a part
// of package signer that the sender's packages share.
package redact

import (
	"fmt"
	"io"
	"log/slog"
)

// Text is what a secret looks like everywhere but where it is asked for.
const Text = "***"

// Mask gives the type that embeds it one harmless form, Text, in every way Go
// has to write a value out: fmt, encoding/json, encoding.TextMarshaler and
// log/slog, and what is built on these, such as zap.
//
// That is not enough where no methods are called: fmt does not call those of
// unexported fields (and follows their pointers for a verb that does not fit),
// dumpers in tests call none at all, and stack traces print argument words. So
// a type that embeds Mask and must not show even there keeps its secret in a
// closure, which reflection cannot enter, and all of these show an address.
type Mask struct{}

// String returns Text.
func (Mask) String() string { return Text }

// GoString returns Text.
func (Mask) GoString() string { return Text }

// Format writes Text for every verb.
func (Mask) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Text) }

// MarshalJSON returns Text in quotes.
func (Mask) MarshalJSON() ([]byte, error) { return []byte(`"` + Text + `"`), nil }

// MarshalText returns Text.
func (Mask) MarshalText() ([]byte, error) { return []byte(Text), nil }

// LogValue returns Text.
func (Mask) LogValue() slog.Value { return slog.StringValue(Text) }
