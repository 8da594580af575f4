package webhook_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postrider/postrider/webhook"
)

// An endpoint can be printed, logged and marshaled in any way: the text of none of
// its credentials is shown.
func TestCredentialsAreNotShown(t *testing.T) {
	const text = "canary-4be1"
	c := webhook.NewCredential(text)
	ep := webhook.Endpoint{
		Auth: webhook.Auth{Type: webhook.AuthBasic, Username: "ann", Secret: c},
		TLS:  webhook.TLS{ClientCertificate: c, ClientKey: c},
	}
	type private struct {
		ep  webhook.Endpoint
		ptr *webhook.Credential
	}
	for name, v := range map[string]any{
		"Credential": c, "*Credential": &c, "Auth": ep.Auth, "TLS": &ep.TLS, "Endpoint": ep, "*Endpoint": &ep,
		"unexported": private{ep, &c}, "in a list": []webhook.Credential{c}, "in a map": map[string]any{"a": ep},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%X", "%d", "%20s"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) {
				t.Errorf("%s of %s shows the credential: %s", verb, name, got)
			}
		}
		if got, err := json.Marshal(v); err != nil || strings.Contains(string(got), text) {
			t.Errorf("JSON of %s = %s, %v; want it without the credential", name, got, err)
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zap.DebugLevel)).
			Info("x", zap.Any("v", v), zap.Reflect("r", v))
		if strings.Contains(log.String(), text) {
			t.Errorf("logs of %s show the credential:\n%s", name, &log)
		}
	}
	if got := fmt.Sprint(c); got != "***" {
		t.Errorf("Sprint of a credential = %q; want ***", got)
	}
	var into struct{ Secret webhook.Credential }
	if err := json.Unmarshal([]byte(`{"Secret":"`+text+`"}`), &into); err == nil {
		t.Error("a credential was unmarshaled; want an error: it is made on purpose only")
	}
}

func TestCredential(t *testing.T) {
	a, same, b, none := webhook.NewCredential("a"), webhook.NewCredential("a"), webhook.NewCredential("b"), webhook.NewCredential("")
	if a.Reveal() != "a" || none.Reveal() != "" || a.IsZero() || !none.IsZero() {
		t.Errorf("Reveal = %q and %q; want a and nothing", a.Reveal(), none.Reveal())
	}
	if !a.Equal(same) || a.Equal(b) || a.Equal(none) || !none.Equal(webhook.Credential{}) {
		t.Error("Equal does not tell credentials apart by their text")
	}
}
