package webhook

import "time"

// DeliveryStatus is the state of a delivery; see the package documentation for
// the diagram.
type DeliveryStatus string

// The states of a delivery. All but pending are final until an administrator
// redelivers.
const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryFailed    DeliveryStatus = "failed"
	DeliveryCanceled  DeliveryStatus = "canceled"
	DeliverySkipped   DeliveryStatus = "skipped"
)

// Reason says why a delivery ended as it did.
type Reason string

// The reasons of an end. A delivered delivery has none.
const (
	ReasonAttemptsUsedUp  Reason = "attempts_used_up" // failed: the retry policy allows no more
	ReasonCrashed         Reason = "crashed"          // failed: five processes died while sending it
	ReasonEndpointDeleted Reason = "endpoint_deleted" // canceled
	ReasonExpired         Reason = "expired"          // canceled: the payload's retention ended first
	ReasonCanceledByHand  Reason = "canceled"         // canceled: an administrator did not want it sent
	ReasonTooOld          Reason = "max_age"          // failed: its event's type allows no later attempt
	ReasonFilterError     Reason = "filter_error"     // failed: the endpoint's filter could not be asked about the event
	ReasonFiltered        Reason = "filtered"         // skipped: the endpoint's filter, asked again after a redelivery, does not want it
	ReasonEndpointPaused  Reason = "endpoint_paused"  // skipped: the endpoint was paused and holds nothing
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	// ID is "dlv_" and a ULID.
	ID, Tenant, EventID, EndpointID string
	// EventType is the event's type, for lists and filters.
	EventType string
	Priority  Priority
	// Ordered says that the delivery keeps the order of its OrderingKey.
	Ordered     bool
	OrderingKey string
	// BatchID is that of the batch it goes in, "bat_" and a ULID; empty until
	// it was first sent in one.
	BatchID string
	Status  DeliveryStatus
	// Reason says why the delivery ended; empty while pending or delivered.
	Reason Reason
	// Attempts is how many attempts were made, over all redeliveries.
	Attempts int
	// NextAttemptAt is when a pending delivery is due, unless its endpoint is
	// paused or held back; zero otherwise.
	NextAttemptAt time.Time
	// CreatedAt is when the event was published; UpdatedAt when the status or
	// the number of attempts last changed.
	CreatedAt, UpdatedAt time.Time
}

// Attempt is one try to send a delivery, as it is kept in the log.
type Attempt struct {
	// ID is "att_" and a ULID.
	ID, Tenant, DeliveryID string
	// BatchID is the batch that was sent, if it was one: its webhook-id.
	BatchID string
	// N counts the attempts of the delivery from 1.
	N int
	// At is when the attempt began.
	At time.Time
	// Class is what went wrong, or ClassNone for success.
	Class ErrorClass
	// StatusCode is the response's, or 0 if there was none.
	StatusCode int
	// RequestHeaders are those that were sent, credentials redacted.
	RequestHeaders map[string]string
	// ResponseHeaders and ResponseBody are what is kept of the answer;
	// Truncated says that there was more of it.
	ResponseHeaders map[string]string
	ResponseBody    []byte
	Truncated       bool
	// RemoteAddr is the address that was connected to.
	RemoteAddr string
	Timings    Timings
	// NextAt is when the delivery is due again; zero if it ended.
	NextAt time.Time
}

// Timings are the phases of an attempt. A phase that did not happen, such as
// DNS on a reused connection, is zero.
type Timings struct {
	DNS, Connect, TLS, FirstByte, Total time.Duration
}

// ErrorClass is why an attempt failed. The list is closed: tenants learn
// nothing else about a failure.
type ErrorClass string

// The classes of failed attempts.
const (
	ClassNone            ErrorClass = ""
	ClassBlockedAddress  ErrorClass = "blocked_address"
	ClassDNS             ErrorClass = "dns_error"
	ClassConnect         ErrorClass = "connect_error"
	ClassTLS             ErrorClass = "tls_error"
	ClassTimeout         ErrorClass = "timeout"
	ClassProtocol        ErrorClass = "protocol_error"
	ClassRedirect        ErrorClass = "redirect"
	ClassHTTPStatus      ErrorClass = "http_status"
	ClassAuth            ErrorClass = "auth_error"
	ClassFilterError     ErrorClass = "filter_error"
	ClassTransformError  ErrorClass = "transform_error"
	ClassEncryptionError ErrorClass = "encryption_error"
	ClassCanceled        ErrorClass = "canceled"
	ClassInternal        ErrorClass = "internal"
)

var classMessages = map[ErrorClass]string{
	ClassNone:            "Delivered.",
	ClassBlockedAddress:  "Endpoint address is not allowed.",
	ClassDNS:             "Endpoint host name could not be resolved. Check the URL.",
	ClassConnect:         "Endpoint refused or dropped the connection. Check that your server is running and reachable.",
	ClassTLS:             "TLS connection to the endpoint failed. Check the server's certificate.",
	ClassTimeout:         "Endpoint did not respond in time. Check your server.",
	ClassProtocol:        "Endpoint did not answer with valid HTTP.",
	ClassRedirect:        "Endpoint answered with a redirect. Redirects are not followed; update the URL.",
	ClassHTTPStatus:      "Endpoint answered with a status that does not mean success.",
	ClassAuth:            "Credentials for the endpoint could not be obtained or were refused.",
	ClassFilterError:     "The endpoint's filter failed for this event.",
	ClassTransformError:  "The endpoint's transform failed for this event.",
	ClassEncryptionError: "The payload could not be encrypted for the endpoint.",
	ClassCanceled:        "The attempt was canceled before it was complete.",
	ClassInternal:        "The delivery failed for an internal reason.",
}

// Message returns a sentence for people that says what the class means.
func (c ErrorClass) Message() string {
	if m, ok := classMessages[c]; ok {
		return m
	}
	return classMessages[ClassInternal]
}

// Health is what the engine remembers of an endpoint's recent attempts.
type Health struct {
	Tenant, EndpointID string
	// Failures counts the attempts that failed since the last success.
	Failures int
	// Trips counts the probes that failed since the circuit breaker opened;
	// it is 0 while the breaker is closed.
	Trips int
	// RecoveringSince is when the endpoint began to be sent to again after an
	// outage or a pause: the rate rises from there. Zero if it is not.
	RecoveringSince time.Time
	// LastSuccessAt and LastFailureAt are zero if there was none. The success
	// is kept to within 10 seconds.
	LastSuccessAt, LastFailureAt time.Time
}
