package manage

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// credentialsOf returns where an endpoint keeps what can be written and never read.
func credentialsOf(ep *webhook.Endpoint) []*webhook.Credential {
	return []*webhook.Credential{&ep.Auth.Secret, &ep.TLS.ClientCertificate, &ep.TLS.ClientKey}
}

// dropHidden takes Hidden, which is what a credential looks like, for none given.
func dropHidden(ep *webhook.Endpoint) {
	for _, c := range credentialsOf(ep) {
		if c.Reveal() == Hidden {
			*c = webhook.Credential{}
		}
	}
}

// keepCredentials gives ep, which before was changed to, the credentials that were
// not sent anew. If the URL moved to another host they are dropped instead, with
// what has no use without them.
func keepCredentials(before, ep *webhook.Endpoint) {
	moved := otherHost(before.URL, ep.URL)
	switch {
	case !ep.Auth.Secret.IsZero() || before.Auth.Secret.IsZero():
	case moved:
		ep.Auth = webhook.Auth{}
	case sameUse(&before.Auth, &ep.Auth):
		ep.Auth.Secret = before.Auth.Secret
	}
	if given := !ep.TLS.ClientCertificate.IsZero() || !ep.TLS.ClientKey.IsZero(); given {
		return
	}
	switch {
	case moved || ep.TLS.ClientFingerprint == "":
		ep.TLS.ClientFingerprint, ep.TLS.ClientNotAfter = "", time.Time{}
	case sameClient(&before.TLS, &ep.TLS):
		ep.TLS.ClientCertificate, ep.TLS.ClientKey = before.TLS.ClientCertificate, before.TLS.ClientKey
		ep.TLS.ClientNotAfter = before.TLS.ClientNotAfter // to the letter, time zones too
	}
}

func sameClient(a, b *webhook.TLS) bool {
	return a.ClientFingerprint == b.ClientFingerprint && a.ClientNotAfter.Equal(b.ClientNotAfter)
}

// clientSet is what is wrong with what the library says of a client certificate,
// where it is not what the library said.
var clientSet = webhook.FieldError{
	Field: "tls.client_fingerprint", Code: webhook.CodeInvalidField,
	Message: "Is set by the library; send a certificate and its key.",
}

// sameUse reports whether a secret that was given for one authentication is for
// the other too: it goes to the same place, and does the same there.
func sameUse(a, b *webhook.Auth) bool {
	return a.Type == b.Type && a.JWT.Algorithm == b.JWT.Algorithm && a.Scheme == b.Scheme &&
		(a.OAuth2.TokenURL == b.OAuth2.TokenURL || !otherHost(a.OAuth2.TokenURL, b.OAuth2.TokenURL))
}
