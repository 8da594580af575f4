// Package authtest is the other side of package auth, for tests: a token endpoint
// that enforces OAuth 2.0 client credentials, and a check of JWTs. It is written
// from the RFCs with the standard library alone, and shares no code with what it
// judges.
package authtest
