package manage

import (
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(days int) time.Time { return now.Add(time.Duration(days) * 24 * time.Hour) }
	for name, c := range map[string]struct {
		change   func(ep *store.EngineEndpoint)
		code     FindingCode
		severity Severity
	}{
		"nothing":                      {change: func(*store.EngineEndpoint) {}},
		"http":                         {func(ep *store.EngineEndpoint) { ep.URL = "HTTP://a.example/" }, FindingPlainHTTP, SeverityHigh},
		"a secret of a year":           {change: func(ep *store.EngineEndpoint) { ep.Secrets[0].CreatedAt = at(-365) }},
		"a secret of more than a year": {func(ep *store.EngineEndpoint) { ep.Secrets[0].CreatedAt = at(-366) }, FindingOldSecret, SeverityMedium},
		"an old secret that was rotated": {change: func(ep *store.EngineEndpoint) {
			ep.Secrets = append(ep.Secrets, store.SecretRecord{CreatedAt: at(-400)})
		}},
		"no secret":                  {change: func(ep *store.EngineEndpoint) { ep.Secrets = nil }},
		"a certificate for 31 days":  {change: func(ep *store.EngineEndpoint) { ep.TLS.ClientNotAfter = at(31) }},
		"a certificate for 29 days":  {func(ep *store.EngineEndpoint) { ep.TLS.ClientNotAfter = at(29) }, FindingCertificate, SeverityMedium},
		"a certificate that expired": {func(ep *store.EngineEndpoint) { ep.TLS.ClientNotAfter = now }, FindingCertificate, SeverityHigh},
		"all types":                  {func(ep *store.EngineEndpoint) { ep.EventTypes = []string{"a", "*"} }, FindingWideFilter, SeverityLow},
		"types of a prefix":          {change: func(ep *store.EngineEndpoint) { ep.EventTypes = []string{"a.*"} }},
		"paused for 30 days":         {change: func(ep *store.EngineEndpoint) { ep.Status, ep.UpdatedAt = webhook.EndpointPaused, at(-30) }},
		"paused for 31 days":         {func(ep *store.EngineEndpoint) { ep.Status, ep.UpdatedAt = webhook.EndpointPaused, at(-31) }, FindingPausedLong, SeverityLow},
		"new, and used by nobody":    {change: func(ep *store.EngineEndpoint) { ep.Health.LastSuccessAt = time.Time{} }},
		"old, and used by nobody": {func(ep *store.EngineEndpoint) {
			ep.CreatedAt, ep.Health.LastSuccessAt = at(-91), time.Time{}
		}, FindingUnused, SeverityLow},
		"old, and used lately": {change: func(ep *store.EngineEndpoint) { ep.CreatedAt = at(-91) }},
		"old, and not used any more": {func(ep *store.EngineEndpoint) {
			ep.CreatedAt, ep.Health.LastSuccessAt = at(-200), at(-91)
		}, FindingUnused, SeverityLow},
	} {
		ep := store.EngineEndpoint{
			EndpointRecord: store.EndpointRecord{Endpoint: webhook.Endpoint{
				ID: "ep_1", URL: "https://a.example/", EventTypes: []string{"a"}, Status: webhook.EndpointActive, CreatedAt: at(-1), UpdatedAt: at(-1),
			}},
			Secrets: []store.SecretRecord{{CreatedAt: at(-1)}},
			Health:  webhook.Health{LastSuccessAt: at(-1)},
		}
		c.change(&ep)
		got := inspect(&ep, now)
		switch {
		case c.code == "" && len(got) > 0:
			t.Errorf("%s: findings %+v; want none", name, got)
		case c.code != "" && (len(got) != 1 || got[0].Code != c.code || got[0].Severity != c.severity || got[0].Endpoint != "ep_1"):
			t.Errorf("%s: findings %+v; want %s, %s", name, got, c.code, c.severity)
		}
	}
}

func TestInspectKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(days int) time.Time { return now.Add(time.Duration(days) * 24 * time.Hour) }
	for name, c := range map[string]struct {
		key    webhook.Token
		unused bool
	}{
		"new":                             {webhook.Token{CreatedAt: at(-1)}, false},
		"never used for 90 days":          {webhook.Token{CreatedAt: at(-90)}, false},
		"never used for 91 days":          {webhook.Token{CreatedAt: at(-91)}, true},
		"old and used lately":             {webhook.Token{CreatedAt: at(-400), LastUsedAt: at(-90)}, false},
		"old and not used any more":       {webhook.Token{CreatedAt: at(-400), LastUsedAt: at(-91)}, true},
		"expired, and never used":         {webhook.Token{CreatedAt: at(-91), ExpiresAt: now}, false},
		"about to expire, and never used": {webhook.Token{CreatedAt: at(-91), ExpiresAt: at(1)}, true},
	} {
		c.key.ID = "key_1"
		got := inspectKey(&c.key, now)
		if len(got) > 0 != c.unused || c.unused && (got[0].Code != FindingUnusedKey || got[0].Severity != SeverityMedium || got[0].Evidence["api_key"] != "key_1") {
			t.Errorf("a key that is %s: findings %+v; want it told of: %v", name, got, c.unused)
		}
	}
}
