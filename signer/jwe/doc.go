// Package jwe encrypts payloads for their receiver and opens them there: JWE in
// compact serialization (RFC 7516), the content with A256GCM, its key with
// RSA-OAEP-256 or ECDH-ES+A256KW (RFC 7518), and nothing else.
//
// A receiver makes a key pair, gives the sender what [PrivateKey.PublicJWK] returns,
// and its verifier a [Decrypter]:
//
//	key, err := jwe.ParsePrivateKey(os.Getenv("WEBHOOK_PRIVATE_JWK"))
//	d, err := jwe.NewDecrypter(key) // the old key too, while it is replaced
//	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: secrets, Decrypter: d})
//
// The handler then sees the payload as it was before. The signature is over what was
// encrypted and is checked first, so that nobody but the sender gets anything
// decrypted.
package jwe
