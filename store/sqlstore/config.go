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
	Metadata         map[string]string `json:"metadata,omitempty"`
	Status           string            `json:"status,omitempty"`
	PauseCause       string            `json:"pause_cause,omitempty"`
	StatusReason     string            `json:"status_reason,omitempty"`
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
		Signature: string(ep.Signature), DiscardResponses: ep.DiscardResponses, Metadata: ep.Metadata,
		Status: string(ep.Status), PauseCause: string(ep.PauseCause), StatusReason: ep.StatusReason,
	}
	r := retryConfig(ep.Retry)
	if len(r.Schedule) > 0 || r.Initial != 0 || r.Multiplier != 0 || r.MaxInterval != 0 || r.MaxAttempts != 0 || r.Jitter != 0 {
		c.Retry = &r
	}
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
	ep.Signature, ep.DiscardResponses, ep.Metadata = webhook.SignatureScheme(c.Signature), c.DiscardResponses, c.Metadata
	ep.Status, ep.PauseCause = webhook.EndpointStatus(c.Status), webhook.PauseCause(c.PauseCause)
	ep.StatusReason = c.StatusReason
	if c.Retry != nil {
		ep.Retry = webhook.RetryPolicy(*c.Retry)
	}
	return nil
}
