package send

import "net/http"

// redacted stands for what must not be kept.
const redacted = "***"

// redactHeaders returns the request headers as the attempt log keeps them. The
// signature is no secret: it is worth nothing without the body, and a receiver
// who looks for a fault needs it. Whatever the endpoint's owner has set may be a
// credential, and proof is one.
func redactHeaders(h http.Header, custom map[string]string, proof http.Header) map[string]string {
	kept := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			kept[name] = values[0]
		}
	}
	for name := range custom {
		kept[http.CanonicalHeaderKey(name)] = redacted
	}
	for name := range proof {
		kept[name] = redacted
	}
	return kept
}
