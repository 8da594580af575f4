package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/webhook"
)

func TestCredentialsAreNamedAndNotShown(t *testing.T) {
	t.Parallel()
	with := func(secret string) *webhook.Endpoint {
		c := webhook.NewCredential(secret)
		return &webhook.Endpoint{
			Auth: webhook.Auth{
				Type: webhook.AuthOAuth2, Secret: c,
				OAuth2: webhook.OAuth2{TokenURL: "https://login.example/token?key=" + canary, ClientID: "c1"},
			},
			TLS: webhook.TLS{ClientFingerprint: "f", ClientNotAfter: time.Unix(0, 0).UTC(), ClientCertificate: c, ClientKey: c},
		}
	}
	_, after := audit.Diff(nil, with(canary))
	const want = `{"auth":{"oauth2":{"client_id":"c1","token_url":"https://login.example/token?key=***"},"secret":"***","type":"oauth2"},` +
		`"tls":{"client_certificate":"***","client_fingerprint":"f","client_key":"***","client_not_after":"1970-01-01T00:00:00Z"}}`
	if string(after) != want {
		t.Errorf("Diff of a new endpoint = %s; want %s", after, want)
	}
	if was, became := audit.Diff(with(canary), with(canary)); was != nil || became != nil {
		t.Errorf("Diff of the same credentials = %s, %s; want nothing", was, became)
	}
	was, became := audit.Diff(with(canary), with("another"))
	if !strings.Contains(string(was), `"secret":"***"`) || !strings.Contains(string(became), `"client_key":"***"`) || strings.Contains(string(was)+string(became), canary) {
		t.Errorf("Diff of other credentials = %s, %s; want them named and not shown", was, became)
	}
}
