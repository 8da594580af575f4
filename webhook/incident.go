package webhook

import (
	"slices"
	"time"
)

// IncidentKind says what looks like an attack, or like a mistake that is as bad.
type IncidentKind string

// The kinds of incidents. The list is closed: a host that reports incidents of its
// own uses these.
const (
	// IncidentBlockedAddress: something was to be sent to an address that is not
	// allowed. The subject is the endpoint, or "" for one that was refused.
	IncidentBlockedAddress IncidentKind = "blocked_address"
	// IncidentAuthentication: credentials were refused: an endpoint's by its
	// authorization server, or a caller's by the host. The subject is the endpoint,
	// or the caller's address.
	IncidentAuthentication IncidentKind = "authentication_failure"
	// IncidentSignature: a request had a wrong signature. A receiver reports it.
	IncidentSignature IncidentKind = "signature_failure"
	// IncidentPublishFlood: events were refused because too many came in a second.
	IncidentPublishFlood IncidentKind = "publish_flood"
	// IncidentTestProbing: tests were refused because too many were made.
	IncidentTestProbing IncidentKind = "test_probing"
	// IncidentEndpointChurn: very many endpoints were created, deleted or pointed to
	// other URLs.
	IncidentEndpointChurn IncidentKind = "endpoint_churn"
	// IncidentQuota: a limit of the tenant's plan was reached. The subject is its
	// name.
	IncidentQuota IncidentKind = "quota_breach"
	// IncidentCursor: a cursor was altered, or made for another tenant or list.
	IncidentCursor IncidentKind = "tampered_cursor"
)

// IncidentRule says when what has happened is an incident.
type IncidentRule struct {
	// Threshold is how often it must happen within the window.
	Threshold int
	// Window is how long what is the same counts for one incident, from its
	// beginning. What comes later begins another.
	Window time.Duration
}

// incidentRules has every kind and its default rule.
var incidentRules = map[IncidentKind]IncidentRule{
	// As many failures in a row open an endpoint's breaker; fewer may be a name
	// whose address was wrong for a moment. It is told once a day while it lasts.
	IncidentBlockedAddress: {Threshold: 5, Window: 24 * time.Hour},
	// More than somebody mistypes or a deployment gets wrong in passing.
	IncidentAuthentication: {Threshold: 10, Window: time.Hour},
	IncidentSignature:      {Threshold: 10, Window: time.Hour},
	// A burst that a plan does not allow is daily life; hundreds refused are not.
	IncidentPublishFlood: {Threshold: 100, Window: time.Hour},
	// Ten tests may be made at once; these are refused on top of them.
	IncidentTestProbing: {Threshold: 10, Window: time.Hour},
	// More than one every 36 seconds for an hour is not made by hand.
	IncidentEndpointChurn: {Threshold: 100, Window: time.Hour},
	// The first refusal is what somebody must hear of, the rest of the day is not.
	IncidentQuota: {Threshold: 1, Window: 24 * time.Hour},
	// A client that was restarted with another filter sends one or two.
	IncidentCursor: {Threshold: 3, Window: time.Hour},
}

// The bounds of a rule's window.
const (
	MinIncidentWindow = time.Minute
	MaxIncidentWindow = 30 * 24 * time.Hour
)

// IncidentKinds returns all kinds, in the order of their names.
func IncidentKinds() []IncidentKind {
	kinds := make([]IncidentKind, 0, len(incidentRules))
	for k := range incidentRules {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// Rule returns the default rule of a kind, and false if it is none.
func (k IncidentKind) Rule() (IncidentRule, bool) {
	r, ok := incidentRules[k]
	return r, ok
}

// Incident returns the kind of incidents that an attempt of this class counts for, and
// false if it is none.
func (c ErrorClass) Incident() (IncidentKind, bool) {
	switch c {
	case ClassBlockedAddress:
		return IncidentBlockedAddress, true
	case ClassAuth:
		return IncidentAuthentication, true
	}
	return "", false
}

// Valid reports whether a rule can be used.
func (r IncidentRule) Valid() bool {
	return r.Threshold >= 1 && r.Window >= MinIncidentWindow && r.Window <= MaxIncidentWindow
}

// MaxIncidentSubjectLen bounds the subject of an incident, in bytes.
const MaxIncidentSubjectLen = 128

// Incident is what has happened again and again within a window: one for each
// tenant, kind and subject.
type Incident struct {
	// ID is "inc_" and a ULID.
	ID, Tenant string
	Kind       IncidentKind
	// Subject is what it is about: an endpoint's id, an address, the name of a
	// limit; or "" for the tenant.
	Subject string
	// Since is when it began, and Last when it was counted last; both are the
	// store's.
	Since, Last time.Time
	// Count is how often it has happened, and Threshold how often it takes.
	Count, Threshold int64
}

// CheckIncident returns nil if there can be such an incident, or an *InvalidError with
// the fields tenant, kind and subject.
func CheckIncident(tenant string, kind IncidentKind, subject string) error {
	var inv InvalidError
	inv.text("tenant", tenant, MaxTenantLen)
	if _, ok := kind.Rule(); !ok {
		inv.Add("kind", CodeInvalidField, "Must be a kind of incidents.")
	}
	inv.text("subject", subject, MaxIncidentSubjectLen)
	return inv.Err()
}
