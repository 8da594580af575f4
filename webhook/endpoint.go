package webhook

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// EndpointStatus says whether an endpoint is sent to.
type EndpointStatus string

// The states of an endpoint. Deliveries for a paused one wait.
const (
	EndpointActive EndpointStatus = "active"
	EndpointPaused EndpointStatus = "paused"
)

// PauseCause says who or what paused an endpoint.
type PauseCause string

// The causes of a pause. Only an endpoint that was paused automatically may be
// resumed automatically.
const (
	PausedByHand     PauseCause = "manual"
	PausedByFailures PauseCause = "failures"
	PausedByGone     PauseCause = "gone"
	// PausedByOrder says that a delivery of an ordered endpoint failed for good.
	PausedByOrder PauseCause = "order"
)

// Endpoint is where a tenant wants events sent, and how. REST and the console
// call it a webhook.
type Endpoint struct {
	// ID is "ep_" and a ULID; the library assigns it.
	ID string
	// Tenant is the host's key for who owns the endpoint.
	Tenant string
	// URL is the receiver, in normal form (ASCII host, no default port).
	URL string
	// Description is for people. At most 1,000 bytes.
	Description string
	// Labels group endpoints for people. At most 20 of 64 bytes.
	Labels []string
	// EventTypes are the subscribed patterns: a type, "a.*" or "*". nil at
	// creation means "*"; an empty list that is not nil matches nothing.
	EventTypes []string
	// Sources are those whose events are sent. At most 10; none means all.
	Sources []string
	// Channels are those whose events are sent: an event that shares one. At most 10
	// of 64 bytes; none means all events.
	Channels []string
	// Filter is a condition that events must meet to be sent, in the language of
	// dispatcher.Config.Expressions, at most 4 KiB. An event that it cannot be asked
	// about, such as one that lacks a field, fails with the class filter_error, and is
	// never just left out. Operational events are not asked about. Defaults to none.
	Filter string
	// Transform is an expression whose value is sent in the place of the data, at most
	// 4 KiB and with at most 256 KiB of result. It makes the same of an event each
	// time, so that retries send the same bytes unless it is changed in between; what
	// it fails on is tried again. Operational events are sent as they are. Defaults to
	// none.
	Transform string
	// Anonymize is what is removed from data before it is sent, or hashed. At most 50.
	Anonymize []Anonymization
	// Format is how events are written. Defaults to standard.
	Format Format
	// AllowedIPs are all the addresses that the receiver may have, and DeniedIPs
	// those that it may not have, within what the host allows: addresses and
	// ranges in CIDR notation, at most 100 of each. Denied wins. None allowed
	// means all.
	AllowedIPs, DeniedIPs []string
	// Method is POST, PUT or PATCH. Defaults to POST.
	Method string
	// Headers are sent with every delivery. At most 20 of 4 KiB each; names
	// that the library or HTTP needs are refused (see CheckHeaders).
	Headers map[string]string
	// Timeout bounds a whole attempt, from DNS to the last byte of the
	// response. 1 to 60 seconds. Defaults to 15 seconds.
	Timeout time.Duration
	// Retry says when a failed delivery is tried again. The zero value is the
	// default schedule of ten attempts over 75 hours.
	Retry RetryPolicy
	// MaxInFlight bounds the deliveries under way to this endpoint at once.
	// Defaults to 8, growing to 64 while the endpoint answers well.
	MaxInFlight int
	// RateLimit bounds the deliveries that start in a second. Defaults to none.
	RateLimit RateLimit
	// Batch lets several events go in one request. Defaults to one event each.
	Batch Batch
	// Order makes events arrive in the order of their ordering keys. Defaults
	// to no order.
	Order Order
	// Priority is that of events that have none of their own. Defaults to
	// normal.
	Priority Priority
	// OnPaused says what becomes of deliveries while the endpoint is paused.
	// Defaults to hold.
	OnPaused OnPaused
	// SuccessStatuses are the status codes that mean success, for receivers
	// that answer with others than 2xx. At most 20; a redirect can be none.
	// 410 among them does not pause the endpoint. Defaults to all of 2xx.
	SuccessStatuses []int
	// DeadLetter is what becomes of failed deliveries.
	DeadLetter DeadLetter
	// AutoPauseAfter is how many attempts must fail in a row until the
	// endpoint is paused, at least 5. Negative means never. Defaults to 100.
	AutoPauseAfter int
	// Auth is how requests prove who sends them beside their signature. Defaults
	// to the signature alone.
	Auth Auth
	// TLS is what is asked of connections beyond what holds for all endpoints.
	TLS TLS
	// Signature is how the present secret signs. Defaults to v1.
	Signature Signature
	// Encryption hides payloads from all but the receiver. Defaults to none.
	Encryption Encryption
	// DiscardResponses keeps response headers and bodies out of the attempt
	// log. Defaults to keeping up to 16 KiB.
	DiscardResponses bool
	// Metadata is for the host alone. At most 4 KiB in all.
	Metadata map[string]string

	// Status is active or paused. Defaults to active.
	Status EndpointStatus
	// PauseCause and StatusReason say why a paused endpoint is paused: the
	// cause for code, the reason as a sentence for people.
	PauseCause   PauseCause
	StatusReason string

	// Revision orders the changes of all endpoints of a tenant; Version counts
	// the changes of this one. Both are the store's.
	Revision, Version int64
	// CreatedAt and UpdatedAt are the store's.
	CreatedAt, UpdatedAt time.Time
	// DeletedAt is when the endpoint was deleted, or zero. Deleted endpoints
	// are only seen by the engine.
	DeletedAt time.Time
}

// The defaults and bounds of an endpoint.
const (
	DefaultTimeout        = 15 * time.Second
	MinTimeout            = time.Second
	MaxTimeout            = 60 * time.Second
	DefaultAutoPauseAfter = 100
	DefaultMinInFlight    = 8
	DefaultMaxInFlight    = 64

	maxDescriptionLen = 1000
	maxLabels         = 20
	maxLabelLen       = 64
	maxPatterns       = 100
	maxInFlightLimit  = 1000
	maxURLLen         = 2048
)

// WithDefaults returns the endpoint with every default filled in.
func (ep Endpoint) WithDefaults() Endpoint {
	if ep.EventTypes == nil {
		ep.EventTypes = []string{"*"}
	}
	if ep.Timeout == 0 {
		ep.Timeout = DefaultTimeout
	}
	if ep.AutoPauseAfter == 0 {
		ep.AutoPauseAfter = DefaultAutoPauseAfter
	}
	ep.Signature = ep.Signature.withDefaults()
	ep.Auth, ep.TLS = ep.Auth.withDefaults(), ep.TLS.described()
	if ep.Method == "" {
		ep.Method = http.MethodPost
	}
	if ep.Format == "" {
		ep.Format = FormatStandard
	}
	if ep.RateLimit.PerSecond != 0 && ep.RateLimit.Burst == 0 {
		ep.RateLimit.Burst = 1
	}
	if ep.Batch.MaxEvents != 0 && ep.Batch.MaxWait == 0 {
		ep.Batch.MaxWait = defaultBatchWait
	}
	if ep.Order.Enabled && ep.Order.OnFailure == "" {
		ep.Order.OnFailure = OrderBlock
	}
	if ep.OnPaused == "" {
		ep.OnPaused = OnPausedHold
	}
	if ep.Status == "" {
		ep.Status = EndpointActive
	}
	if ep.Status == EndpointPaused && ep.PauseCause == "" {
		ep.PauseCause, ep.StatusReason = PausedByHand, "Webhook paused by hand."
	}
	return ep
}

// Validate returns nil, or an *InvalidError that names every field at fault.
// It judges everything but the URL's address, which is the transport's guard; an
// endpoint that was read lacks the credentials that its authentication needs.
func (ep Endpoint) Validate() error {
	var inv InvalidError
	inv.text("tenant", ep.Tenant, MaxTenantLen)
	if ep.URL == "" || len(ep.URL) > maxURLLen || !cleanText(ep.URL) {
		inv.Add("url", CodeURLInvalid, "Endpoint must be a valid HTTPS URL.")
	}
	inv.text("description", ep.Description, maxDescriptionLen)
	ep.validateLabels(&inv)
	ep.validatePatterns(&inv)
	ep.validateIPs(&inv)
	inv.Fields = append(inv.Fields, CheckHeaders(ep.Headers)...)
	ep.Auth.validate(&inv, ep.Headers)
	ep.TLS.validate(&inv, ep.URL)
	if ep.Timeout != 0 && (ep.Timeout < MinTimeout || ep.Timeout > MaxTimeout) {
		inv.Add("timeout_seconds", CodeInvalidField, "Must be 1 to 60 seconds.")
	}
	ep.Retry.validate(&inv)
	if ep.MaxInFlight < 0 || ep.MaxInFlight > maxInFlightLimit {
		inv.Add("max_in_flight", CodeInvalidField, fmt.Sprintf("Must be 1 to %d.", maxInFlightLimit))
	}
	ep.Signature.validate(&inv, &ep)
	ep.Encryption.validate(&inv)
	if ep.Status != "" && ep.Status != EndpointActive && ep.Status != EndpointPaused {
		inv.Add("status", CodeInvalidField, "Must be active or paused.")
	}
	ep.validateControl(&inv)
	ep.validateExpressions(&inv)
	ep.validateAnonymize(&inv)
	ep.validateFormat(&inv)
	inv.text("status_reason", ep.StatusReason, maxDescriptionLen)
	inv.metadata("metadata", ep.Metadata)
	return inv.Err()
}

func (ep Endpoint) validateLabels(inv *InvalidError) {
	if len(ep.Labels) > maxLabels {
		inv.Add("labels", CodeInvalidField, fmt.Sprintf("At most %d labels.", maxLabels))
		return
	}
	for _, l := range ep.Labels {
		if l == "" || len(l) > maxLabelLen || !cleanText(l) {
			inv.Add("labels", CodeInvalidField, fmt.Sprintf("Each must be 1 to %d bytes of UTF-8 text without control characters.", maxLabelLen))
			return
		}
	}
}

func (ep Endpoint) validatePatterns(inv *InvalidError) {
	if len(ep.EventTypes) > maxPatterns {
		inv.Add("event_types", CodeInvalidField, fmt.Sprintf("At most %d patterns.", maxPatterns))
		return
	}
	for _, p := range ep.EventTypes {
		if !ValidPattern(p) {
			inv.Add("event_types", CodeInvalidField, "Must be event types, event types followed by \".*\", or \"*\".")
			return
		}
	}
}

// Matches reports whether the endpoint subscribes to events of this type and
// source. Operational events are for those who name them, whatever their sources.
func (ep *Endpoint) Matches(eventType, source string) bool {
	return MatchAny(ep.EventTypes, eventType) &&
		(len(ep.Sources) == 0 || Reserved(eventType) || slices.Contains(ep.Sources, source))
}

// InChannels reports whether the endpoint wants events of these channels: it has none
// itself, or shares one. Operational events are in no channel and for those who name
// them, so they are not asked about.
func (ep *Endpoint) InChannels(channels []string) bool {
	return len(ep.Channels) == 0 || slices.ContainsFunc(channels, func(c string) bool { return slices.Contains(ep.Channels, c) })
}

// Deleted reports whether the endpoint is a tombstone.
func (ep *Endpoint) Deleted() bool { return !ep.DeletedAt.IsZero() }

// Clone returns a copy that shares nothing with ep.
func (ep Endpoint) Clone() Endpoint {
	ep.Labels = slices.Clone(ep.Labels)
	ep.EventTypes = slices.Clone(ep.EventTypes)
	ep.Sources, ep.Channels = slices.Clone(ep.Sources), slices.Clone(ep.Channels)
	ep.Anonymize = slices.Clone(ep.Anonymize)
	ep.AllowedIPs, ep.DeniedIPs = slices.Clone(ep.AllowedIPs), slices.Clone(ep.DeniedIPs)
	ep.SuccessStatuses = slices.Clone(ep.SuccessStatuses)
	ep.Headers = maps.Clone(ep.Headers)
	ep.Retry.Schedule = slices.Clone(ep.Retry.Schedule)
	ep.Metadata = maps.Clone(ep.Metadata)
	ep.Auth = ep.Auth.clone()
	ep.TLS.Pins = slices.Clone(ep.TLS.Pins)
	return ep
}

// WithoutSecrets returns the endpoint without what may be secret in it: its
// headers, the secret of its authentication, its client certificate and key.
func (ep Endpoint) WithoutSecrets() Endpoint {
	ep.Headers, ep.Auth.Secret = nil, Credential{}
	ep.TLS.ClientCertificate, ep.TLS.ClientKey = Credential{}, Credential{}
	return ep
}

// SameSecrets reports whether both have the same of what WithoutSecrets leaves
// out.
func (ep *Endpoint) SameSecrets(other *Endpoint) bool {
	return maps.Equal(ep.Headers, other.Headers) && ep.Auth.Secret.Equal(other.Auth.Secret) &&
		ep.TLS.ClientCertificate.Equal(other.TLS.ClientCertificate) && ep.TLS.ClientKey.Equal(other.TLS.ClientKey)
}
