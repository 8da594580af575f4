package engine

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter returns how long a Retry-After header asks to wait, in either of
// its forms: seconds or an HTTP date (RFC 9110 section 10.2.3). A value that is
// neither, or lies in the past, asks for nothing. Numbers too large for a
// duration ask for the longest one.
func retryAfter(value string, at time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, seconds > 0
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	wait := date.Sub(at)
	return wait, wait > 0
}
