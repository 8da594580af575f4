// Package tokens makes the secrets of API keys and portal tokens, and knows from memory
// which are valid.
//
// What is known of a token is at most 0.9 s old: whoever shows it then asks the store
// for it again, and others who show it wait for that answer. A token that was revoked is
// therefore refused in every process within a second, and in the process that has revoked
// it at once. While the store does not answer, nobody is let in by what was known before.
//
// The text of a secret is a prefix by which scanners of source code find it, 32 random
// bytes, and a checksum, so that what was mistyped or made up costs no look into the
// database. The store has the SHA-256 of it: of 256 random bits nothing slower is needed,
// since nobody can try them all, and nobody can turn the hash round.
package tokens
