package send

import "testing"

func TestEchoMasksCredentials(t *testing.T) {
	e := newEcho(map[string]string{"Authorization": "Bearer tok_canary_1", "X-Api-Key": "key_canary_2", "X-Env": "prod"})
	for in, want := range map[string]string{
		`{"authorization":"Bearer tok_canary_1"}`: `{"authorization":"***"}`,
		`token tok_canary_1 is wrong`:             `token *** is wrong`,
		`key_canary_2key_canary_2`:                `******`,
		`this is prod`:                            `this is prod`,
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
