package console

// choices are the options of the form of a webhook.
type choices struct {
	Method, Format, Retry, Priority, OnPaused, OnFailure, Auth, Algorithm, Style, TLS, Scheme []option
}

var formChoices = choices{
	Method: []option{{"", "POST"}, {"PUT", "PUT"}, {"PATCH", "PATCH"}},
	Format: []option{
		{"", "Standard: type, timestamp and data"},
		{"raw", "The data alone"},
		{"cloudevents", "CloudEvents, structured"},
		{"cloudevents-binary", "CloudEvents, binary"},
	},
	Retry: []option{
		{retryDefault, "10 attempts over 3 days"}, {retryExponential, "Exponential"}, {retrySchedule, "My own schedule"},
	},
	Priority:  []option{{"", "That of the event's type"}, {"high", "High"}, {"normal", "Normal"}, {"low", "Low"}},
	OnPaused:  []option{{"hold", "Wait until it is resumed"}, {"skip", "Are skipped"}},
	OnFailure: []option{{"block", "Wait for the failed one"}, {"skip", "Go on"}, {"pause", "Pause the webhook"}},
	Auth:      authNames,
	Algorithm: []option{{"HS256", "HS256, a shared secret"}, {"RS256", "RS256, an RSA key"}, {"ES256", "ES256, a P-256 key"}, {"EdDSA", "EdDSA, an Ed25519 key"}},
	Style:     []option{{"", "In the Authorization header"}, {"post", "In the body"}},
	TLS:       []option{{"", "TLS 1.2"}, {"1.3", "TLS 1.3"}},
	Scheme: []option{
		{"", "Standard Webhooks v1 (HMAC-SHA256)"},
		{"v1a", "Standard Webhooks v1a (Ed25519)"},
		{"github", "As GitHub signs (X-Hub-Signature-256)"},
		{"stripe", "As Stripe signs"},
		{"custom", "A header of your choice"},
	},
}
