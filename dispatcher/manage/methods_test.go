package manage_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// own are ids of things that a tenant has.
type own map[webhook.Prefix]string

// method is a way to call a method of Manager for a tenant. All methods are on the
// list of methods; a new one belongs there, or TestMethodsAreListed fails.
type method struct {
	name string
	// takes is the kind of the id that the call is about; "" if it is about all that
	// the tenant has.
	takes webhook.Prefix
	// finds says that an id of nobody's is no error, but finds nothing.
	finds bool
	call  func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error)
	// action is what the audit log says of a call that changes something; "" for a
	// method that reads.
	action webhook.AuditAction
	// host says that the call is about what belongs to the host and no tenant, so that
	// the audit log of the tenant "" has it.
	host bool
	// prepare makes acme's world such that the call for the id that it returns
	// changes something. Nil if any will do.
	prepare func(w *world) (id string)
}

// answer makes one value of what a method returns. A secret prints as ***, and is
// another one each time.
func answer(v any, err error) (any, error) {
	if _, ok := v.(manage.Secret); ok {
		v = nil
	}
	return v, err
}

func no(err error) (any, error) { return nil, err }

func created(ep webhook.Endpoint, _ manage.Secret, err error) (any, error) {
	return webhook.Endpoint{URL: ep.URL, Tenant: ep.Tenant}, err
}

func adminOf(tenant string) webhook.Principal {
	return webhook.Principal{Tenant: tenant, Role: webhook.RoleAdmin, Actor: "ada", Scopes: []string{"publish"}}
}

func madeToken(t webhook.Token, _ manage.Secret, err error) (any, error) {
	return webhook.Token{Name: t.Name, Tenant: t.Tenant}, err
}

// methods has every method of Manager at least once.
var methods = []method{
	{name: "Endpoint", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Endpoint(ctx, tenant, id))
	}},
	{name: "Secrets", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Secrets(ctx, tenant, id))
	}},
	{name: "PublicKeys", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.PublicKeys(ctx, tenant, id))
	}},
	{name: "VerifySignature", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.VerifySignature(ctx, tenant, id, http.Header{}, nil))
	}},
	{name: "Health", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Health(ctx, tenant, id))
	}},
	{name: "Preview", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		p, err := m.Preview(ctx, tenant, id, manage.Sample{})
		return p.Why, err
	}},
	{name: "PreviewUnsaved", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		p, err := m.PreviewUnsaved(ctx, webhook.Endpoint{Tenant: tenant}, manage.Sample{})
		return p.Why, err
	}},
	{name: "PreviewUnsaved", takes: webhook.PrefixEvent, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		p, err := m.PreviewUnsaved(ctx, webhook.Endpoint{Tenant: tenant}, manage.Sample{Event: ofNobody(id)})
		return string(p.Transformed) + string(p.Data) + string(p.Body), err
	}},
	{name: "Details", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Details(ctx, tenant, id))
	}},
	{name: "Dispatcher", call: func(_ context.Context, m *manage.Manager, _, _ string) (any, error) {
		return m.Dispatcher() != nil, nil
	}},
	{name: "Analytics", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		a, err := m.Analytics(ctx, tenant, manage.AnalyticsQuery{Endpoint: ofNobody(id)})
		return a.Totals.Attempts, err
	}},
	{name: "Advice", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Advice(ctx, tenant, id))
	}},
	{name: "Event", takes: webhook.PrefixEvent, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Event(ctx, tenant, id))
	}},
	{name: "Delivery", takes: webhook.PrefixDelivery, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Delivery(ctx, tenant, id))
	}},
	{name: "Attempts", takes: webhook.PrefixDelivery, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Attempts(ctx, tenant, id))
	}},
	{name: "Why", takes: webhook.PrefixDelivery, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Why(ctx, tenant, id))
	}},
	{name: "Job", takes: webhook.PrefixJob, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Job(ctx, tenant, id))
	}},
	{name: "Erasure", takes: webhook.PrefixJob, prepare: func(w *world) string { return w.erasure() }, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Erasure(ctx, tenant, id))
	}},
	{name: "ExportDeliveries", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		n := 0
		for _, err := range m.ExportDeliveries(ctx, tenant, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ofNobody(id)}}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}},
	{name: "Tail", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		tail, err := m.Tail(ctx, tenant, manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ofNobody(id)}}, Position: "1"})
		if err != nil {
			return nil, err
		}
		defer tail.Close()
		soon, cancel := context.WithTimeout(ctx, time.Nanosecond)
		defer cancel()
		b, err := tail.Next(soon)
		if b == nil || err != nil {
			return nil, nil //nolint:nilerr // nothing has happened
		}
		return len(b.Deliveries), nil
	}},
	{name: "Deliveries", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Deliveries(ctx, tenant, store.DeliveryFilter{Endpoint: ofNobody(id)}, store.Page{}))
	}},
	{name: "Deliveries", takes: webhook.PrefixEvent, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Deliveries(ctx, tenant, store.DeliveryFilter{Event: ofNobody(id)}, store.Page{}))
	}},
	{name: "FindDeliveries", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.FindDeliveries(ctx, tenant, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ofNobody(id)}}, store.Page{}))
	}},
	{name: "FindDeliveries", takes: webhook.PrefixDelivery, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.FindDeliveries(ctx, tenant, manage.DeliveryQuery{Text: ofNobody(id)}, store.Page{}))
	}},
	{name: "FindEvents", takes: webhook.PrefixEvent, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.FindEvents(ctx, tenant, manage.EventQuery{Text: ofNobody(id)}, store.Page{}))
	}},
	{name: "FindEvents", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.FindEvents(ctx, tenant, manage.EventQuery{}, store.Page{}))
	}},
	{name: "EndpointEvents", takes: webhook.PrefixEndpoint, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.EndpointEvents(ctx, tenant, id, manage.EventQuery{}, store.Page{}))
	}},
	{name: "Outcomes", takes: webhook.PrefixEvent, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Outcomes(ctx, tenant, id))
	}},
	{name: "Audit", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Audit(ctx, tenant, store.AuditFilter{Resource: ofNobody(id)}, store.Page{}))
	}},
	{name: "Deliveries", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Deliveries(ctx, tenant, store.DeliveryFilter{}, store.Page{}))
	}},
	{name: "FindEndpoints", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.FindEndpoints(ctx, tenant, manage.EndpointFilter{Query: "https"}, store.Page{}))
	}},
	{name: "CheckEndpoint", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return no(m.CheckEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://example.com"}))
	}},
	{name: "Endpoints", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Endpoints(ctx, tenant, store.Page{}))
	}},
	{name: "Events", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Events(ctx, tenant, store.Page{}))
	}},
	{name: "Audit", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Audit(ctx, tenant, store.AuditFilter{}, store.Page{}))
	}},
	{name: "Incidents", takes: webhook.PrefixEndpoint, finds: true, call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
		return answer(m.Incidents(ctx, tenant, store.IncidentFilter{Subject: ofNobody(id)}, store.Page{}))
	}},
	{name: "Incidents", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Incidents(ctx, tenant, store.IncidentFilter{}, store.Page{}))
	}},
	{name: "Cursor", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		_, err := m.Cursor(ctx, tenant, position("dlv_1"))
		return nil, err
	}},
	{name: "OpenCursor", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		cursor, err := m.Cursor(ctx, acme, position(acme)) // of acme, and about it
		if err != nil || tenant == acme {
			return nil, err
		}
		return answer(m.OpenCursor(ctx, tenant, position(""), cursor))
	}},
	{name: "SecurityReport", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.SecurityReport(ctx, tenant))
	}},
	{name: "Labels", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Labels(ctx, tenant))
	}},
	{name: "Limits", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.Limits(ctx, tenant))
	}},
	{
		name: "UpdateEndpoint", takes: webhook.PrefixEndpoint, action: webhook.ActionEndpointUpdated,
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.UpdateEndpoint(ctx, tenant, id, func(ep *webhook.Endpoint) error {
				ep.Description = "changed"
				return nil
			}))
		},
	},
	{
		name: "Pause", takes: webhook.PrefixEndpoint, action: webhook.ActionEndpointPaused,
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.Pause(ctx, tenant, id))
		},
	},
	{
		name: "Resume", takes: webhook.PrefixEndpoint, action: webhook.ActionEndpointResumed,
		prepare: func(w *world) string { return w.pausedBy(webhook.PausedByHand) },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.Resume(ctx, tenant, id))
		},
	},
	{
		name: "TestEndpoint", takes: webhook.PrefixEndpoint, action: webhook.ActionEndpointResumed,
		prepare: func(w *world) string { return w.pausedBy(webhook.PausedByGone) },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.TestEndpoint(ctx, tenant, id, manage.Test{}))
		},
	},
	{
		name: "RotateSecret", takes: webhook.PrefixEndpoint, action: webhook.ActionSecretRotated,
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.RotateSecret(ctx, tenant, id, manage.Rotation{}))
		},
	},
	{
		name: "Cancel", takes: webhook.PrefixDelivery, action: webhook.ActionDeliveryCanceled,
		prepare: func(w *world) string { return w.publish().ID },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.Cancel(ctx, tenant, id))
		},
	},
	{
		name: "CancelEvent", takes: webhook.PrefixEvent, action: webhook.ActionEventCanceled,
		prepare: func(w *world) string { return w.publish().EventID },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return answer(m.CancelEvent(ctx, tenant, id))
		},
	},
	{
		name: "Redeliver", takes: webhook.PrefixDelivery, action: webhook.ActionDeliveryRedelivered,
		prepare: func(w *world) string { return w.ended() },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return no(m.Redeliver(ctx, tenant, id))
		},
	},
	{
		name: "RedeliverMany", takes: webhook.PrefixDelivery, finds: true, action: webhook.ActionRedeliveryStarted,
		prepare: func(w *world) string { return w.ended() },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			result, err := m.RedeliverMany(ctx, tenant, manage.Redelivery{Deliveries: []string{id}})
			return result.Matched, err
		},
	},
	{
		name: "CancelJob", takes: webhook.PrefixJob, action: webhook.ActionRedeliveryCanceled,
		prepare: func(w *world) string { return w.job() },
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return no(m.CancelJob(ctx, tenant, id))
		},
	},
	{
		name: "ExportSubject", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return answer(m.ExportSubject(ctx, tenant, jane, io.Discard))
		},
	},
	{
		name: "Erase", action: webhook.ActionSubjectErased,
		prepare: func(w *world) string { w.about(jane, 1); return "" },
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			e, err := m.Erase(ctx, tenant, jane)
			return e.Erased, err
		},
	},
	{
		name: "CreateEndpoint", action: webhook.ActionEndpointCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return created(m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://own.example/"}))
		},
	},
	{
		name: "ImportEndpoint", action: webhook.ActionEndpointCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return created(m.ImportEndpoint(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://own.example/"}, ownSecret))
		},
	},
	{
		name: "CreateEndpointOnce", action: webhook.ActionEndpointCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return created(m.CreateEndpointOnce(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://own.example/"}, manage.Once{Key: webhook.NewID(webhook.PrefixEndpoint)}))
		},
	},
	{
		name: "CreateEndpointWithKey", action: webhook.ActionEndpointCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return created(m.CreateEndpointWithKey(ctx, webhook.Endpoint{Tenant: tenant, URL: "https://own.example/"}, ownKey))
		},
	},
	{
		name: "CreateAPIKey", action: webhook.ActionAPIKeyCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return madeToken(m.CreateAPIKey(ctx, adminOf(tenant), webhook.Token{Name: "deploy"}))
		},
	},
	{
		name: "CreatePortalToken", action: webhook.ActionPortalTokenCreated,
		call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
			return madeToken(m.CreatePortalToken(ctx, adminOf(tenant), webhook.Token{}))
		},
	},
	{name: "APIKeys", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.APIKeys(ctx, tenant, store.Page{}))
	}},
	{name: "PortalTokens", call: func(ctx context.Context, m *manage.Manager, tenant, _ string) (any, error) {
		return answer(m.PortalTokens(ctx, tenant, store.Page{}))
	}},
	{
		name: "RevokeAPIKey", takes: webhook.PrefixAPIKey, action: webhook.ActionAPIKeyRevoked,
		prepare: func(w *world) string {
			t, _, err := w.CreateAPIKey(w.t.Context(), adminOf(acme), webhook.Token{Name: "old"})
			w.must(err, "CreateAPIKey")
			return t.ID
		},
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return no(m.RevokeAPIKey(ctx, tenant, id))
		},
	},
	{
		name: "RevokePortalToken", takes: webhook.PrefixPortalToken, action: webhook.ActionPortalTokenRevoked,
		prepare: func(w *world) string {
			t, _, err := w.CreatePortalToken(w.t.Context(), adminOf(acme), webhook.Token{})
			w.must(err, "CreatePortalToken")
			return t.ID
		},
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return no(m.RevokePortalToken(ctx, tenant, id))
		},
	},
	{name: "CheckToken", call: func(ctx context.Context, m *manage.Manager, _, _ string) (any, error) {
		_, err := m.CheckToken(ctx, webhook.TokenAPIKey, "prk_"+strings.Repeat("A", 49)) // who has a secret says whose it is
		return errors.Is(err, manage.ErrTokenInvalid), nil
	}},
	{name: "EventTypes", host: true, call: func(ctx context.Context, m *manage.Manager, _, _ string) (any, error) {
		return answer(m.EventTypes(ctx, manage.EventTypeFilter{}))
	}},
	{
		name: "EventType", host: true, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.EventType(ctx, name))
		},
	},
	{
		name: "RegisterEventType", host: true, action: webhook.ActionEventTypeRegistered, prepare: func(*world) string { return "user.left" },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.RegisterEventType(ctx, webhook.EventType{Name: name}))
		},
	},
	{
		name: "UpdateEventType", host: true, action: webhook.ActionEventTypeUpdated, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.UpdateEventType(ctx, name, func(t *webhook.EventType) error {
				t.Description = "changed"
				return nil
			}))
		},
	},
	{
		name: "ReplaceEventType", host: true, action: webhook.ActionEventTypeUpdated, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.ReplaceEventType(ctx, name, manage.Replacement{EventType: webhook.EventType{Description: "changed"}}))
		},
	},
	{
		name: "AddSchema", host: true, action: webhook.ActionEventTypeSchema, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.AddSchema(ctx, name, manage.NewSchema{Schema: json.RawMessage(`{"type":"object"}`)}))
		},
	},
	{
		name: "DeprecateEventType", host: true, action: webhook.ActionEventTypeDeprecated, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.DeprecateEventType(ctx, name, "user.gone"))
		},
	},
	{
		name: "UndeprecateEventType", host: true, action: webhook.ActionEventTypeUpdated,
		prepare: func(w *world) string {
			name := w.eventType()
			_, err := w.DeprecateEventType(w.t.Context(), name, "")
			w.must(err, "DeprecateEventType")
			return name
		},
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.UndeprecateEventType(ctx, name))
		},
	},
	{
		name: "ArchiveEventType", host: true, action: webhook.ActionEventTypeArchived, prepare: func(w *world) string { return w.eventType() },
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.ArchiveEventType(ctx, name))
		},
	},
	{
		name: "UnarchiveEventType", host: true, action: webhook.ActionEventTypeUpdated,
		prepare: func(w *world) string {
			name := w.eventType()
			_, err := w.ArchiveEventType(w.t.Context(), name)
			w.must(err, "ArchiveEventType")
			return name
		},
		call: func(ctx context.Context, m *manage.Manager, _, name string) (any, error) {
			return answer(m.UnarchiveEventType(ctx, name))
		},
	},
	// The last one of those that take an endpoint, because it succeeds once.
	{
		name: "DeleteEndpoint", takes: webhook.PrefixEndpoint, action: webhook.ActionEndpointDeleted,
		call: func(ctx context.Context, m *manage.Manager, tenant, id string) (any, error) {
			return no(m.DeleteEndpoint(ctx, tenant, id))
		},
	},
}

// ownSecret is a made-up secret of 24 bytes.
const ownSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

// ofNobody returns the id for a filter, where "" would be none.
func ofNobody(id string) string {
	if id == "" {
		return webhook.NewID(webhook.PrefixAttempt)
	}
	return id
}

// eventType registers an event type.
func (w *world) eventType() string {
	w.t.Helper()
	const name = "user.joined"
	_, err := w.RegisterEventType(w.t.Context(), webhook.EventType{Name: name, Group: "Users"})
	w.must(err, "RegisterEventType")
	return name
}

// pausedBy creates an endpoint that was paused.
func (w *world) pausedBy(cause webhook.PauseCause) string {
	w.t.Helper()
	ep := w.endpoint()
	_, err := w.d.UpdateEndpoint(w.t.Context(), acme, ep.ID, func(rec *store.EndpointRecord) error {
		rec.Status, rec.PauseCause = webhook.EndpointPaused, cause
		return nil
	})
	w.must(err, "UpdateEndpoint")
	return ep.ID
}

// ended returns a delivery of acme's that has ended.
func (w *world) ended() string {
	w.t.Helper()
	d := w.publish()
	_, err := w.store.Cancel(w.t.Context(), time.Now(), acme, []string{d.ID})
	w.must(err, "Cancel")
	return d.ID
}

// job returns a job of acme's that is running.
func (w *world) job() string {
	w.t.Helper()
	result, err := w.RedeliverMany(w.t.Context(), acme, manage.Redelivery{Deliveries: []string{w.ended()}})
	w.must(err, "RedeliverMany")
	return result.Job
}

// erasure returns a job of acme's that erases, and that nobody works on.
func (w *world) erasure() string {
	w.t.Helper()
	e, err := w.Erase(w.t.Context(), acme, "user/joe")
	w.must(err, "Erase")
	return e.Job
}

func TestMethodsAreListed(t *testing.T) {
	t.Parallel()
	listed := make(map[string]bool)
	for _, m := range methods {
		listed[m.name] = true
	}
	for m := range reflect.TypeFor[*manage.Manager]().Methods() {
		if !listed[m.Name] {
			t.Errorf("Manager.%s is not on the list of methods: nothing tells whether tenants are separate there and the audit log has it", m.Name)
		}
		delete(listed, m.Name)
	}
	for name := range listed {
		t.Errorf("%s is on the list of methods, and Manager has none", name)
	}
}
