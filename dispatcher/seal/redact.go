package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted hides what embeds it from fmt, encoding/json and log/slog.
type redacted struct{}

const mask = "***"

// String returns "***".
func (redacted) String() string { return mask }

// GoString returns "***".
func (redacted) GoString() string { return mask }

// Format writes "***", whatever the verb.
func (redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalJSON returns "***" as a JSON string.
func (redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText returns "***".
func (redacted) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns "***".
func (redacted) LogValue() slog.Value { return slog.StringValue(mask) }
