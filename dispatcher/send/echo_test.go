package send

import (
	"net/http"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/webhook"
)

func TestEchoMasksCredentials(t *testing.T) {
	ep := webhook.Endpoint{
		Headers: map[string]string{"X-Forward": "Bearer tok_canary_1", "X-Api-Key": "key_canary_2", "X-Env": "prod"},
		Auth:    webhook.Auth{Type: webhook.AuthBasic, Username: "ann", Secret: webhook.NewCredential(`pass"/canary_3`)},
	}
	e := newEcho(&ep, auth.NewCredentials(&ep)).with(http.Header{"Authorization": {"Bearer minted_canary_4"}})
	for in, want := range map[string]string{
		`{"authorization":"Bearer tok_canary_1"}`: `{"authorization":"***"}`,
		`token tok_canary_1 is wrong`:             `token *** is wrong`,
		`key_canary_2key_canary_2`:                `******`,
		`this is prod`:                            `this is prod`,
		`Basic YW5uOnBhc3MiL2NhbmFyeV8z`:          `***`,
		`{"auth":"YW5uOnBhc3MiL2NhbmFyeV8z"}`:     `{"auth":"***"}`,
		`ann and pass"/canary_3`:                  `ann and ***`,
		`{"pass":"pass\"/canary_3"}`:              `{"pass":"***"}`,
		`{"pass":"pass\"\/canary_3"}`:             `{"pass":"***"}`,
		`minted_canary_4`:                         `***`,
	} {
		if got := e.mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
		if got := string(e.maskBytes([]byte(in))); got != want {
			t.Errorf("maskBytes(%q) = %q, want %q", in, got, want)
		}
	}
	if got := (echo{}).mask("x"); got != "x" {
		t.Errorf("the zero value masks: %q", got)
	}
}
