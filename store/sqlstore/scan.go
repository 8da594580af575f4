package sqlstore

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// The times of lanes that do not fall due. A change of its endpoint opens a lane
// that is shut; an empty one has nothing to open it for.
const (
	empty = math.MaxInt64
	never = empty - 1
)

// micros is how times are stored; the zero time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// fromMicros is the reverse of micros for a value that is not NULL.
func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// whole returns a time as it will be read again.
func whole(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return fromMicros(t.UnixMicro())
}

// JSONText encodes a map as JSON, or as "" if it is empty.
func JSONText(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// FromJSON decodes what JSONText made.
func FromJSON(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var m map[string]string
	err := json.Unmarshal([]byte(text), &m)
	return m, err
}

// textOrNull stores "" as NULL, which takes no space.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// bytesOrNull stores empty bytes as NULL.
func bytesOrNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Assign copies a row's values, as a driver returns them, to what Row.Scan was
// given. It is Scan for those who implement Row.
func Assign(dest []any, values []driver.Value) error {
	if len(dest) != len(values) {
		return fmt.Errorf("scan: %d columns for %d destinations", len(values), len(dest))
	}
	for i, v := range values {
		if err := assign(dest[i], v); err != nil {
			return fmt.Errorf("scan column %d: %w", i, err)
		}
	}
	return nil
}

func assign(dest any, value driver.Value) error {
	switch d := dest.(type) {
	case *string:
		switch v := value.(type) {
		case nil:
			*d = ""
		case string:
			*d = v
		case []byte:
			*d = string(v)
		default:
			return mismatch(dest, value)
		}
	case *[]byte:
		switch v := value.(type) {
		case nil:
			*d = nil
		case []byte:
			*d = v
		case string:
			*d = []byte(v)
		default:
			return mismatch(dest, value)
		}
	case *time.Time:
		switch v := value.(type) {
		case nil:
			*d = time.Time{}
		case int64:
			*d = fromMicros(v)
		default:
			return mismatch(dest, value)
		}
	default:
		return assignNumber(dest, value)
	}
	return nil
}

func assignNumber(dest any, value driver.Value) error {
	var n int64
	switch v := value.(type) {
	case nil:
	case int64:
		n = v
	default:
		return mismatch(dest, value)
	}
	switch d := dest.(type) {
	case *int64:
		*d = n
	case *int:
		*d = int(n)
	case *bool:
		*d = n != 0
	default:
		return mismatch(dest, value)
	}
	return nil
}

func mismatch(dest, value any) error { return fmt.Errorf("cannot store %T in %T", value, dest) }
