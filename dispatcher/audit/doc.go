// Package audit says what is different about an endpoint, in words that may be
// kept and shown: what is secret is left out, and so is whatever nobody has said
// of that it is not.
package audit
