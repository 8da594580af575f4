package auth

import (
	"net/http"
	"strings"
)

// credentials returns what a request has after a scheme in its header Authorization
// (RFC 9110 section 11.6.2), or ErrNone. Two such headers are ErrInvalid: a proxy may
// have judged the other one.
func credentials(r *http.Request, scheme string) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", invalid("there is more than one header Authorization")
	}
	if len(values) == 0 {
		return "", ErrNone
	}
	given, rest, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(given, scheme) {
		return "", ErrNone
	}
	return strings.Trim(rest, " "), nil
}

// bearer returns a request's bearer token (RFC 6750 section 2.1), or ErrNone. Tokens in
// queries and forms are not looked at: addresses are logged.
func bearer(r *http.Request) (string, error) { return credentials(r, "Bearer") }
