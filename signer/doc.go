// Package signer signs webhooks and verifies them, by the Standard Webhooks
// specification 1.0.0. A receiver needs nothing else of Postrider, and the
// package needs nothing but the standard library.
//
// # Receiving
//
// Give [NewVerifier] the key that the sender showed you and put its middleware
// in front of your handler:
//
//	v, err := signer.NewVerifier(os.Getenv("WEBHOOK_SECRET"))
//	mux.Handle("POST /hooks", v.Middleware(next))
//
// The handler runs for genuine requests only. It reads r.Body as usual, and
// signer.ID(r.Context()) is the id of the event. Webhooks are delivered at
// least once, so the same id can arrive again: give [VerifierConfig] a
// [Deduplicator] and each is handled once. [NewMemory] makes one for a single
// process, package sqldedup one in the receiver's database. A [Router] hands
// events to handlers by their type, and [AllowList] turns away whoever does not
// come from the sender's addresses. Package jwe has the [Decrypter] for payloads
// that the sender encrypts.
//
// While the sender rotates a key, give both the new one and the old one, each
// as an argument of its own. Where there is no http.Handler, call
// [Verifier.Verify] with the headers and the untouched bytes of the body: JSON
// that was decoded and encoded again is not what was signed.
//
// # Sending
//
// A [Secret] or a [PrivateKey] signs; [Header] makes the value of the
// webhook-signature header, with one signature for each key in use:
//
//	value, err := signer.Header(ctx, id, at, body, newSecret, oldSecret)
//
// Every retry carries the same id and body, but the time of the attempt, and
// so a new signature. Implement [Signer] to leave the key in a KMS.
//
// # Keys
//
//	whsec_…  Secret      signs and verifies v1, HMAC-SHA256; shared by both sides
//	whsk_…   PrivateKey  signs v1a, Ed25519; never leaves the sender
//	whpk_…   PublicKey   verifies v1a; may be published
//
// The three are different Go types, and a key that is passed off as one of
// another type is refused, because an HMAC made with a public key is one that
// anybody can make. For the same reason a v1 signature is checked with secrets
// only and a v1a signature with public keys only. A Secret and a PrivateKey
// print, log and marshal as ***; the one way to the text is Reveal.
//
// A [TextSecret] is the key of the other schemes, those of GitHub, Stripe and one's
// own header; see [Scheme].
//
// # What is signed
//
// The id, the time of the attempt in Unix seconds and the raw body, joined by
// dots. The three travel in the headers webhook-id and webhook-timestamp and
// in the body; webhook-signature holds the signatures, separated by spaces.
package signer
