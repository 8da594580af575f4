package audit

import (
	"encoding/json"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Token returns what the audit log says of a new token.
func Token(t *webhook.Token) json.RawMessage {
	d := map[string]any{"name": t.Name, "role": t.Role}
	if len(t.Scopes) > 0 {
		d["scopes"] = t.Scopes
	}
	if !t.ExpiresAt.IsZero() {
		d["expires_at"] = t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return object(d)
}
