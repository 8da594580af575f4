package sqlstore

import (
	"testing"

	"github.com/postrider/postrider/webhook"
)

// FuzzConfig reads what may be in the column of an endpoint's configuration: whoever has
// written it, nothing panics, and what can be read is written so that it reads the same.
func FuzzConfig(f *testing.F) {
	for _, ep := range []webhook.Endpoint{
		{},
		{URL: "https://a.example/", EventTypes: []string{}, Labels: []string{"eu"}, Metadata: map[string]string{"a": "b"}},
		{
			Signature: webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-A", Prefix: "v="}, Retry: webhook.RetryPolicy{Multiplier: 2},
			Auth: webhook.Auth{Type: webhook.AuthOAuth2, OAuth2: webhook.OAuth2{TokenURL: "https://a.example/", Scopes: []string{"a"}}},
			TLS:  webhook.TLS{MinVersion: webhook.TLS13, Pins: []string{"AA=="}}, RateLimit: webhook.RateLimit{PerSecond: 1e300},
		},
	} {
		text, err := encodeConfig(&ep)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add(`{"event_types":null,"retry":null,"tls":{},"signature":"  x","success_statuses":[-1],"timeout":-9223372036854775808}`)
	f.Add(`{"URL":"","metadata":{"":null},"auth":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		read := func(text string) (string, bool) {
			var ep webhook.Endpoint
			if decodeConfig(text, &ep) != nil {
				return "", false
			}
			again, err := encodeConfig(&ep)
			if err != nil {
				t.Fatalf("what was read of %q cannot be written: %v", text, err)
			}
			return again, true
		}
		once, ok := read(text)
		if !ok {
			return
		}
		if twice, ok := read(once); !ok || twice != once {
			t.Errorf("%q is read as %q, and that as %q (%v); want the same", text, once, twice, ok)
		}
	})
}
