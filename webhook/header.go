package webhook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxHeaders   = 20
	maxHeaderLen = 4 << 10
)

// reservedHeaders are names that an endpoint may not set: what the library
// sends itself, what frames or routes the request, and what proxies and
// servers take as the truth about the client (RFC 9110 section 7.6.1,
// RFC 9112, RFC 7239). Names are compared in lower case with "_" as "-",
// because many servers fold the two together.
var reservedHeaders = map[string]bool{
	"host": true, "content-length": true, "content-type": true, "content-encoding": true,
	"transfer-encoding": true, "te": true, "trailer": true, "connection": true, "keep-alive": true,
	"upgrade": true, "http2-settings": true, "expect": true, "user-agent": true, "accept-encoding": true,
	"date": true, "via": true, "forwarded": true, "cookie": true, "set-cookie": true, "origin": true,
	"referer": true, "range": true, "content-range": true, "max-forwards": true, "traceparent": true,
	"tracestate": true, "x-real-ip": true, "x-client-ip": true, "x-cluster-client-ip": true,
	"true-client-ip": true, "x-http-method": true, "x-http-method-override": true, "x-method-override": true,
	"x-original-url": true, "x-rewrite-url": true,
}

var reservedHeaderPrefixes = []string{"webhook-", "proxy-", "x-forwarded-", "cf-", "sec-", "ce-", "access-control-"}

// CheckHeaders returns what is wrong with the custom headers of an endpoint:
// at most 20, names that are tokens (RFC 9110 section 5.6.2) and not
// reserved, values in visible ASCII, spaces and tabs inside allowed, at most
// 4 KiB each. It returns nil if all is well.
func CheckHeaders(h map[string]string) []FieldError {
	if len(h) > maxHeaders {
		return headerError(CodeInvalidField, fmt.Sprintf("At most %d headers.", maxHeaders))
	}
	seen := make(map[string]bool, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) { // sorted: the same input, the same answer
		value := h[name]
		folded := fold(name)
		switch {
		case !isToken(name):
			return headerError(CodeInvalidField, "Header names must be HTTP tokens.")
		case seen[folded]:
			return headerError(CodeInvalidField, "Header names must be different, also after lower case and \"_\" for \"-\".")
		case ReservedHeader(name):
			return headerError(CodeHeaderNotAllowed, "A header of this name cannot be set.")
		case len(name)+len(value) > maxHeaderLen:
			return headerError(CodeInvalidField, "A header must be at most 4 KiB.")
		case !isHeaderValue(value):
			return headerError(CodeInvalidField, "Header values must be visible ASCII.")
		}
		seen[folded] = true
	}
	return nil
}

// ReservedHeader reports whether a header name is one that endpoints may not
// set.
func ReservedHeader(name string) bool {
	folded := fold(name)
	if reservedHeaders[folded] {
		return true
	}
	for _, p := range reservedHeaderPrefixes {
		if strings.HasPrefix(folded, p) {
			return true
		}
	}
	return false
}

// fold returns the form in which header names are compared.
func fold(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

func headerError(code, message string) []FieldError {
	return []FieldError{{Field: "headers", Code: code, Message: message}}
}

func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

func isHeaderValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < ' ' && c != '\t') || c > '~' {
			return false
		}
	}
	return s == strings.Trim(s, " \t")
}
