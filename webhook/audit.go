package webhook

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// AuditAction says what was done, in the words of the audit log.
type AuditAction string

// The actions of the audit log. The resource is the id of what the first word
// names, unless the comment says otherwise.
const (
	ActionEndpointCreated AuditAction = "endpoint.created"
	ActionEndpointUpdated AuditAction = "endpoint.updated"
	ActionEndpointPaused  AuditAction = "endpoint.paused"
	ActionEndpointResumed AuditAction = "endpoint.resumed"
	ActionEndpointDeleted AuditAction = "endpoint.deleted"
	// ActionBroadcastStarted and ActionBroadcastCanceled: the resource is the
	// broadcast, which is the host's, and so the tenant is "".
	ActionBroadcastStarted  AuditAction = "broadcast.started"
	ActionBroadcastCanceled AuditAction = "broadcast.canceled"
	// ActionSecretRotated: the resource is the endpoint.
	ActionSecretRotated       AuditAction = "secret.rotated"
	ActionDeliveryRedelivered AuditAction = "delivery.redelivered"
	ActionDeliveryCanceled    AuditAction = "delivery.canceled"
	// ActionEventCanceled: deliveries of the event were canceled.
	ActionEventCanceled AuditAction = "event.canceled"
	// ActionRedeliveryStarted and ActionRedeliveryCanceled: the resource is the
	// job that sends many deliveries again.
	ActionRedeliveryStarted  AuditAction = "redelivery.started"
	ActionRedeliveryCanceled AuditAction = "redelivery.canceled"
	// ActionEventTypeRegistered and the like: the resource is the name of an event
	// type. Types are the host's, so the tenant is "".
	ActionEventTypeRegistered AuditAction = "event_type.registered"
	ActionEventTypeUpdated    AuditAction = "event_type.updated"
	ActionEventTypeSchema     AuditAction = "event_type.schema_added"
	ActionEventTypeDeprecated AuditAction = "event_type.deprecated"
	ActionEventTypeArchived   AuditAction = "event_type.archived"
	// ActionAPIKeyCreated and the like: the resource is the id of the token.
	ActionAPIKeyCreated      AuditAction = "api_key.created"
	ActionAPIKeyRevoked      AuditAction = "api_key.revoked"
	ActionPortalTokenCreated AuditAction = "portal_token.created"
	ActionPortalTokenRevoked AuditAction = "portal_token.revoked"
	// ActionSubjectErased: the resource is the job that erases; whose data it is
	// is not said, since that name is to be gone.
	ActionSubjectErased AuditAction = "subject.erased"
)

// AuditRecord is an entry of the audit log: who changed what, from where, and when.
// It holds no secret, no credential and no value of a header.
type AuditRecord struct {
	// ID is "aud_" and a ULID.
	ID, Tenant string
	// At is when it was done; it is the store's.
	At     time.Time
	Action AuditAction
	// Actor is who did it.
	Actor Actor
	// Resource is the id of what was changed.
	Resource string
	// Before and After are JSON objects of what is different, or empty where
	// there is nothing to say. Durations are in seconds; "***" stands for what
	// is not shown.
	Before, After json.RawMessage
}

// Actor is who does something, and from where.
type Actor struct {
	// Name is who it is, as the host knows them (Principal.Actor). At most 256
	// bytes; "" if the host has not said it.
	Name string
	// Address is where the call came from, such as an IP address. At most 64
	// bytes; "" if it is not known.
	Address string
}

// LibraryActor is the name of the actor of what the library does by itself, such as
// pausing an endpoint that always fails. No host's actor has it.
const LibraryActor = "postrider"

const (
	maxActorLen   = 256
	maxAddressLen = 64
)

type actorKey struct{}

// WithActor returns a context for calls that the actor makes; the audit log names
// them. Text that is too long is cut off, and what is not clean UTF-8 replaced: a
// name must not keep a change from being made.
func WithActor(ctx context.Context, a Actor) context.Context {
	a.Name, a.Address = cleaned(a.Name, maxActorLen), cleaned(a.Address, maxAddressLen)
	if a.Name == LibraryActor {
		a.Name = "host:" + LibraryActor
	}
	return context.WithValue(ctx, actorKey{}, a)
}

// WithLibraryActor returns a context for what the library does by itself.
func WithLibraryActor(ctx context.Context) context.Context {
	return context.WithValue(ctx, actorKey{}, Actor{Name: LibraryActor})
}

// ActorOf returns who makes the calls of a context; nobody if WithActor has not
// said it.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// cleaned returns text as a database takes it, at most limit bytes of it.
func cleaned(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
