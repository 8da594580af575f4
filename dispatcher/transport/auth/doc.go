// Package auth proves to receivers who sends them a delivery, in the ways that
// they ask for beside the signature: an API key, a user and a password, a bearer
// token, a JWT that is signed for each attempt, a token by OAuth 2.0 client
// credentials, or a [Scheme] of the host's own.
//
// [Credentials] are made once for an endpoint and hold what does not change from
// attempt to attempt, such as a parsed key. An [Authenticator] is one for a process:
// it turns credentials into the headers of a request, and keeps the OAuth tokens,
// so that many workers with one credential make one request for a token. Tokens
// are fetched through a transport, with its guard and its caps.
//
// Client certificates are not here: they belong to the connection (see
// transport.TLS). No error of this package repeats a credential, a token, or what
// a token endpoint has answered.
package auth
