package audit

import (
	"reflect"

	"github.com/postrider/postrider/webhook"
)

// same reports whether two values of a field are the same. Credentials are compared
// by what they are, which reflection does not see.
func same(a, b any) bool {
	switch a := a.(type) {
	case webhook.Auth:
		return sameSecrets(webhook.Endpoint{Auth: a}, webhook.Endpoint{Auth: b.(webhook.Auth)})
	case webhook.TLS:
		return sameSecrets(webhook.Endpoint{TLS: a}, webhook.Endpoint{TLS: b.(webhook.TLS)})
	}
	return reflect.DeepEqual(a, b)
}

func sameSecrets(a, b webhook.Endpoint) bool {
	return a.SameSecrets(&b) && reflect.DeepEqual(a.WithoutSecrets(), b.WithoutSecrets())
}

// showAuth returns an authentication with Hidden for its secret.
func showAuth(v reflect.Value) any {
	a := v.Interface().(webhook.Auth)
	secret := a.Secret
	a.Secret = webhook.Credential{}
	object := plain(reflect.ValueOf(a)).(map[string]any)
	if !secret.IsZero() {
		object["secret"] = Hidden
	}
	if oauth2, ok := object["oauth2"].(map[string]any); ok && a.OAuth2.TokenURL != "" {
		oauth2["token_url"] = redactURL(reflect.ValueOf(a.OAuth2.TokenURL))
	}
	return object
}

// showTLS returns TLS settings with Hidden for a certificate and its key.
func showTLS(v reflect.Value) any {
	t := v.Interface().(webhook.TLS)
	readable := webhook.TLS{MinVersion: t.MinVersion, Authorities: t.Authorities, Pins: t.Pins, ClientFingerprint: t.ClientFingerprint}
	object := plain(reflect.ValueOf(readable)).(map[string]any)
	if !t.ClientNotAfter.IsZero() {
		object["client_not_after"] = t.ClientNotAfter
	}
	for name, c := range map[string]webhook.Credential{"client_certificate": t.ClientCertificate, "client_key": t.ClientKey} {
		if !c.IsZero() {
			object[name] = Hidden
		}
	}
	return object
}
