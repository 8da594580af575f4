package sqlstore

import (
	"encoding/json"
	"time"

	"github.com/postrider/postrider/webhook"
)

// endpointConfig is what is kept of an endpoint in one column of JSON: all that
// no query looks at. Its names are stored; they must not change.
type endpointConfig struct {
	URL              string            `json:"url"`
	Description      string            `json:"description,omitempty"`
	Labels           []string          `json:"labels,omitempty"`
	EventTypes       []string          `json:"event_types"` // null and empty differ
	Timeout          time.Duration     `json:"timeout,omitempty"`
	Retry            *retryConfig      `json:"retry,omitempty"`
	MaxInFlight      int               `json:"max_in_flight,omitempty"`
	AutoPauseAfter   int               `json:"auto_pause_after,omitempty"`
	Signature        string            `json:"signature,omitempty"`
	DiscardResponses bool              `json:"discard_responses,omitempty"`
	EncryptionJWK    string            `json:"encryption_jwk,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	Status           string            `json:"status,omitempty"`
	PauseCause       string            `json:"pause_cause,omitempty"`
	StatusReason     string            `json:"status_reason,omitempty"`
	Sources          []string          `json:"sources,omitempty"`
	Channels         []string          `json:"channels,omitempty"`
	Filter           string            `json:"filter,omitempty"`
	Transform        string            `json:"transform,omitempty"`
	Anonymize        []anonymization   `json:"anonymize,omitempty"`
	Format           string            `json:"format,omitempty"`
	Method           string            `json:"method,omitempty"`
	Rate             float64           `json:"rate,omitempty"`
	Burst            int               `json:"burst,omitempty"`
	BatchMax         int               `json:"batch_max,omitempty"`
	BatchWait        time.Duration     `json:"batch_wait,omitempty"`
	Ordered          bool              `json:"ordered,omitempty"`
	OrderFailure     string            `json:"order_failure,omitempty"`
	Priority         string            `json:"priority,omitempty"`
	OnPaused         string            `json:"on_paused,omitempty"`
	SuccessStatuses  []int             `json:"success_statuses,omitempty"`
	DeadRetain       time.Duration     `json:"dead_retain,omitempty"`
	DeadQuiet        bool              `json:"dead_quiet,omitempty"`
	AllowedIPs       []string          `json:"allowed_ips,omitempty"`
	DeniedIPs        []string          `json:"denied_ips,omitempty"`
	Auth             *authConfig       `json:"auth,omitempty"`
	TLS              *tlsConfig        `json:"tls,omitempty"`
}

type anonymization struct {
	Pointer string `json:"pointer"`
	Action  string `json:"action"`
}

type retryConfig struct {
	Schedule    []time.Duration `json:"schedule,omitempty"`
	Initial     time.Duration   `json:"initial,omitempty"`
	Multiplier  float64         `json:"multiplier,omitempty"`
	MaxInterval time.Duration   `json:"max_interval,omitempty"`
	MaxAttempts int             `json:"max_attempts,omitempty"`
	Jitter      float64         `json:"jitter,omitempty"`
}

func encodeConfig(ep *webhook.Endpoint) (string, error) {
	c := endpointConfig{
		URL: ep.URL, Description: ep.Description, Labels: ep.Labels, EventTypes: ep.EventTypes,
		Timeout: ep.Timeout, MaxInFlight: ep.MaxInFlight, AutoPauseAfter: ep.AutoPauseAfter,
		Signature: ep.Signature.String(), EncryptionJWK: ep.Encryption.JWK, DiscardResponses: ep.DiscardResponses, Metadata: ep.Metadata,
		Status: string(ep.Status), PauseCause: string(ep.PauseCause), StatusReason: ep.StatusReason,
		Sources: ep.Sources, Channels: ep.Channels, Method: ep.Method, Rate: ep.RateLimit.PerSecond, Burst: ep.RateLimit.Burst,
		BatchMax: ep.Batch.MaxEvents, BatchWait: ep.Batch.MaxWait,
		Ordered: ep.Order.Enabled, OrderFailure: string(ep.Order.OnFailure),
		Priority: string(ep.Priority), OnPaused: string(ep.OnPaused), SuccessStatuses: ep.SuccessStatuses,
		DeadRetain: ep.DeadLetter.Retain, DeadQuiet: ep.DeadLetter.Quiet,
		AllowedIPs: ep.AllowedIPs, DeniedIPs: ep.DeniedIPs,
	}
	c.Filter, c.Transform, c.Format = ep.Filter, ep.Transform, string(ep.Format)
	for _, a := range ep.Anonymize {
		c.Anonymize = append(c.Anonymize, anonymization{a.Pointer, string(a.Action)})
	}
	r := retryConfig(ep.Retry)
	if len(r.Schedule) > 0 || r.Initial != 0 || r.Multiplier != 0 || r.MaxInterval != 0 || r.MaxAttempts != 0 || r.Jitter != 0 {
		c.Retry = &r
	}
	c.Auth, c.TLS = newAuthConfig(&ep.Auth), newTLSConfig(&ep.TLS)
	b, err := json.Marshal(c)
	return string(b), err
}

func decodeConfig(text string, ep *webhook.Endpoint) error {
	var c endpointConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	ep.URL, ep.Description, ep.Labels, ep.EventTypes = c.URL, c.Description, c.Labels, c.EventTypes
	ep.Timeout, ep.MaxInFlight, ep.AutoPauseAfter = c.Timeout, c.MaxInFlight, c.AutoPauseAfter
	ep.Signature, ep.DiscardResponses, ep.Metadata = webhook.ParseSignature(c.Signature), c.DiscardResponses, c.Metadata
	ep.Encryption.JWK = c.EncryptionJWK
	ep.Status, ep.PauseCause = webhook.EndpointStatus(c.Status), webhook.PauseCause(c.PauseCause)
	ep.StatusReason = c.StatusReason
	ep.Sources, ep.Channels, ep.Method = c.Sources, c.Channels, c.Method
	ep.RateLimit = webhook.RateLimit{PerSecond: c.Rate, Burst: c.Burst}
	ep.Batch = webhook.Batch{MaxEvents: c.BatchMax, MaxWait: c.BatchWait}
	ep.Order = webhook.Order{Enabled: c.Ordered, OnFailure: webhook.OnOrderFailure(c.OrderFailure)}
	ep.Priority, ep.OnPaused = webhook.Priority(c.Priority), webhook.OnPaused(c.OnPaused)
	ep.SuccessStatuses = c.SuccessStatuses
	ep.AllowedIPs, ep.DeniedIPs = c.AllowedIPs, c.DeniedIPs
	ep.DeadLetter = webhook.DeadLetter{Retain: c.DeadRetain, Quiet: c.DeadQuiet}
	ep.Filter, ep.Transform, ep.Format = c.Filter, c.Transform, webhook.Format(c.Format)
	for _, a := range c.Anonymize {
		ep.Anonymize = append(ep.Anonymize, webhook.Anonymization{Pointer: a.Pointer, Action: webhook.AnonymizeAction(a.Action)})
	}
	if c.Retry != nil {
		ep.Retry = webhook.RetryPolicy(*c.Retry)
	}
	ep.Auth, ep.TLS = c.Auth.auth(), c.TLS.tls()
	return nil
}
