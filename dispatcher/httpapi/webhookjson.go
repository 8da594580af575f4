package httpapi

import (
	"encoding/json"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// webhookJSON is a webhook as it is read.
type webhookJSON struct {
	ID           string            `json:"id" readOnly:"true" example:"ep_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A"`
	URL          string            `json:"url" example:"https://acme.example/hooks"`
	Description  string            `json:"description"`
	Labels       []string          `json:"labels"`
	Status       string            `json:"status" enum:"active,paused"`
	StatusReason string            `json:"status_reason" readOnly:"true" doc:"Why a paused webhook is paused."`
	EventTypes   []string          `json:"event_types" doc:"Types, prefix.* or *."`
	Channels     []string          `json:"channels"`
	Sources      []string          `json:"sources"`
	Method       string            `json:"method" enum:"POST,PUT,PATCH"`
	Headers      map[string]string `json:"headers" doc:"Values are shown as ***."`
	Timeout      float64           `json:"timeout_seconds"`
	Retry        retryJSON         `json:"retry"`
	RateLimit    rateLimitJSON     `json:"rate_limit"`
	MaxInFlight  int               `json:"max_in_flight"`
	Batch        batchJSON         `json:"batch"`
	Order        orderJSON         `json:"order"`
	Priority     string            `json:"priority,omitempty" enum:"high,normal,low" doc:"Absent is that of the event's type, or normal."`
	OnPaused     string            `json:"on_paused" enum:"hold,skip"`
	AutoPause    int               `json:"auto_pause_after" doc:"Attempts that must fail in a row; negative is never."`
	Success      []int             `json:"success_statuses" doc:"None means all of 2xx."`
	DeadLetter   deadLetterJSON    `json:"dead_letter"`
	Store        bool              `json:"store_response"`
	Auth         authJSON          `json:"auth"`
	TLS          tlsJSON           `json:"tls"`
	Encryption   encryptionJSON    `json:"encryption"`
	Signature    signatureJSON     `json:"signature"`
	Filter       string            `json:"filter" text:"lines" doc:"A condition that events must meet. Empty is none."`
	Transform    string            `json:"transform" text:"lines" doc:"An expression whose value is sent in the place of the data. Empty is none."`
	Format       string            `json:"format" enum:"standard,raw,cloudevents,cloudevents-binary"`
	Anonymize    []anonymizeJSON   `json:"anonymize" doc:"What is removed from data before it is sent, or hashed."`
	AllowedIPs   []string          `json:"allowed_ips"`
	DeniedIPs    []string          `json:"denied_ips"`
	Secret       string            `json:"secret,omitempty" doc:"The signing secret, or for v1a its public key, in the answer to its creation alone. What is given on creation is taken, else one is made."`
	Fingerprint  string            `json:"secret_fingerprint" readOnly:"true" doc:"The SHA-256 of the signing secret."`
	Metadata     map[string]string `json:"metadata"`
	Health       *healthJSON       `json:"health,omitempty" readOnly:"true"`
	CreatedAt    time.Time         `json:"created_at" readOnly:"true"`
	UpdatedAt    time.Time         `json:"updated_at" readOnly:"true"`
}

type anonymizeJSON struct {
	Pointer string `json:"pointer" doc:"A JSON pointer (RFC 6901)."`
	Action  string `json:"action" doc:"remove or hash."`
}

type retryJSON struct {
	Schedule    []float64 `json:"schedule_seconds,omitempty" doc:"The wait before each attempt. Not together with the rest."`
	Initial     float64   `json:"initial_seconds,omitempty"`
	Multiplier  float64   `json:"multiplier,omitempty"`
	MaxInterval float64   `json:"max_interval_seconds,omitempty"`
	MaxAttempts int       `json:"max_attempts,omitempty"`
	Jitter      float64   `json:"jitter" required:"false" doc:"The share by which waits are moved at random, 0 to 0.5."`
}

type rateLimitJSON struct {
	PerSecond float64 `json:"per_second" required:"false" doc:"0 is no limit."`
	Burst     int     `json:"burst" required:"false"`
}

type batchJSON struct {
	MaxEvents int `json:"max_events" required:"false" doc:"0 is one event a request."`
	MaxWait   int `json:"max_wait_ms" required:"false"`
}

type orderJSON struct {
	Enabled   bool   `json:"enabled" required:"false"`
	OnFailure string `json:"on_failure" required:"false" doc:"block, skip or pause."`
}

type deadLetterJSON struct {
	RetainDays int  `json:"retain_days" required:"false" doc:"0 is as long as the host keeps them."`
	Notify     bool `json:"notify" required:"false" doc:"Whether an operational event tells of them."`
}

// authJSON is how requests prove who sends them. Its secret goes in and never comes out.
type authJSON struct {
	Type     string            `json:"type" required:"false" doc:"none, api_key, basic, bearer, jwt, oauth2 or custom."`
	Secret   string            `json:"secret,omitempty" writeOnly:"true" text:"lines" doc:"Absent keeps the one there is; null removes it."`
	Header   string            `json:"header,omitempty"`
	Username string            `json:"username,omitempty"`
	JWT      *jwtJSON          `json:"jwt,omitempty"`
	OAuth2   *oauth2JSON       `json:"oauth2,omitempty"`
	Scheme   string            `json:"scheme,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
}

type jwtJSON struct {
	Algorithm string `json:"algorithm" required:"false"`
	KeyID     string `json:"key_id,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Audience  string `json:"audience,omitempty"`
	Lifetime  int    `json:"lifetime_seconds,omitempty"`
}

type oauth2JSON struct {
	TokenURL string   `json:"token_url" required:"false"`
	ClientID string   `json:"client_id" required:"false"`
	Scopes   []string `json:"scopes,omitempty"`
	Audience string   `json:"audience,omitempty"`
	Style    string   `json:"style,omitempty" doc:"basic or post."`
}

type tlsJSON struct {
	MinVersion        string     `json:"min_version" required:"false" doc:"1.2 or 1.3."`
	Authorities       string     `json:"authorities,omitempty" text:"lines" doc:"PEM."`
	Pins              []string   `json:"pins,omitempty"`
	ClientCertificate string     `json:"client_certificate,omitempty" writeOnly:"true" text:"lines" doc:"PEM. Absent keeps the one there is; null removes it."`
	ClientKey         string     `json:"client_key,omitempty" writeOnly:"true" text:"lines" doc:"PEM."`
	ClientFingerprint string     `json:"client_fingerprint,omitempty" readOnly:"true"`
	ClientNotAfter    *time.Time `json:"client_not_after,omitempty" readOnly:"true"`
}

type encryptionJSON struct {
	JWK json.RawMessage `json:"jwk,omitempty" doc:"The receiver's public key; null is no encryption."`
}

type signatureJSON struct {
	Scheme    string `json:"scheme" required:"false" doc:"v1, v1a, github, stripe or custom."`
	Header    string `json:"header,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
	PublicKey string `json:"public_key,omitempty" readOnly:"true" doc:"What receivers of v1a verify with."`
}

type healthJSON struct {
	Failures      int        `json:"consecutive_failures"`
	Breaker       string     `json:"breaker" enum:"closed,open,half_open"`
	LastSuccessAt *time.Time `json:"last_success_at" required:"false" nullable:"true"`
	LastFailureAt *time.Time `json:"last_failure_at" required:"false" nullable:"true"`
}

// toJSON describes an endpoint with what else is known of it.
func toJSON(ep *webhook.Endpoint, d *manage.Details) webhookJSON {
	w := webhookJSON{
		ID: ep.ID, URL: ep.URL, Description: ep.Description, Labels: list(ep.Labels),
		Status: string(ep.Status), StatusReason: ep.StatusReason,
		EventTypes: list(ep.EventTypes), Channels: list(ep.Channels), Sources: list(ep.Sources),
		Method: ep.Method, Headers: texts(ep.Headers), Timeout: ep.Timeout.Seconds(), Retry: retryToJSON(ep.Retry),
		RateLimit: rateLimitJSON{ep.RateLimit.PerSecond, ep.RateLimit.Burst}, MaxInFlight: ep.MaxInFlight,
		Batch:    batchJSON{ep.Batch.MaxEvents, int(ep.Batch.MaxWait.Milliseconds())},
		Order:    orderJSON{ep.Order.Enabled, string(ep.Order.OnFailure)},
		Priority: string(ep.Priority), OnPaused: string(ep.OnPaused), AutoPause: ep.AutoPauseAfter,
		Success: list(ep.SuccessStatuses), DeadLetter: deadLetterJSON{int(ep.DeadLetter.Retain / day), !ep.DeadLetter.Quiet},
		Store: !ep.DiscardResponses, Auth: authToJSON(ep.Auth), TLS: tlsToJSON(ep.TLS),
		Signature:  signatureJSON{string(ep.Signature.Scheme), ep.Signature.Header, ep.Signature.Prefix, d.PublicKey},
		AllowedIPs: list(ep.AllowedIPs), DeniedIPs: list(ep.DeniedIPs), Fingerprint: d.Fingerprint, Metadata: texts(ep.Metadata),
		Filter: ep.Filter, Transform: ep.Transform, Format: string(ep.Format), Anonymize: []anonymizeJSON{},
		Health: &healthJSON{
			Failures: d.Health.Failures, Breaker: string(d.Health.Breaker),
			LastSuccessAt: moment(d.Health.LastSuccessAt), LastFailureAt: moment(d.Health.LastFailureAt),
		},
		CreatedAt: ep.CreatedAt.UTC(), UpdatedAt: ep.UpdatedAt.UTC(),
	}
	for _, an := range ep.Anonymize {
		w.Anonymize = append(w.Anonymize, anonymizeJSON{an.Pointer, string(an.Action)})
	}
	if ep.Encryption.Enabled() {
		w.Encryption.JWK = json.RawMessage(ep.Encryption.JWK)
	}
	return w
}

const day = 24 * time.Hour

func retryToJSON(r webhook.RetryPolicy) retryJSON {
	if r.IsZero() || len(r.Schedule) == 0 && r.Initial == 0 {
		r.Schedule = webhook.DefaultSchedule
	}
	out := retryJSON{
		Initial: r.Initial.Seconds(), Multiplier: r.Multiplier, MaxInterval: r.MaxInterval.Seconds(), MaxAttempts: r.MaxAttempts,
		Jitter: max(r.Jitter, 0),
	}
	if r.Jitter == 0 {
		out.Jitter = webhook.DefaultJitter
	}
	for _, wait := range r.Schedule {
		out.Schedule = append(out.Schedule, wait.Seconds())
	}
	return out
}

func authToJSON(auth webhook.Auth) authJSON {
	out := authJSON{Type: string(auth.Type), Header: auth.Header, Username: auth.Username, Scheme: auth.Scheme, Params: auth.Params}
	switch auth.Type {
	case webhook.AuthNone:
		out.Type = noAuth
	case webhook.AuthJWT:
		j := auth.JWT
		out.JWT = &jwtJSON{string(j.Algorithm), j.KeyID, j.Issuer, j.Subject, j.Audience, int(j.Lifetime.Seconds())}
	case webhook.AuthOAuth2:
		o := auth.OAuth2
		out.OAuth2 = &oauth2JSON{o.TokenURL, o.ClientID, o.Scopes, o.Audience, string(o.Style)}
	}
	return out
}

// noAuth is how the API writes the authentication by signature alone.
const noAuth = "none"

func tlsToJSON(t webhook.TLS) tlsJSON {
	out := tlsJSON{
		MinVersion: string(t.MinVersion), Authorities: t.Authorities, Pins: t.Pins,
		ClientFingerprint: t.ClientFingerprint, ClientNotAfter: moment(t.ClientNotAfter),
	}
	if out.MinVersion == "" {
		out.MinVersion = string(webhook.TLS12)
	}
	return out
}

// list returns a list that is not null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// texts returns a map that is not null.
func texts(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// moment returns a time in UTC, or nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
