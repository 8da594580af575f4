package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// limitsJSON is what a plan allows, and what of it is used. 0 is no limit.
type limitsJSON struct {
	EventsPerSecond float64    `json:"events_per_second"`
	EventsPerMonth  int64      `json:"events_per_month"`
	EventsUsed      int64      `json:"events_used" doc:"Of this month, UTC; counted if there is a limit."`
	Month           *time.Time `json:"month" nullable:"true"`
	Webhooks        int        `json:"webhooks"`
	WebhooksUsed    int        `json:"webhooks_used"`
	RetentionDays   float64    `json:"retention_days" doc:"0 is as long as the host keeps anybody's."`
}

func (a *api) readLimits(ctx context.Context, _ *struct{}) (*answer[limitsJSON], error) {
	l, err := a.m.Limits(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	return uncached(limitsJSON{
		l.EventsPerSecond, l.EventsPerMonth, l.EventsUsed, moment(l.Month), l.Limits.Endpoints, l.EndpointsUsed, l.Retention.Hours() / 24,
	}), nil
}

func (a *api) sourceIPs(context.Context, *struct{}) (*answer[listJSON[string]], error) {
	return &answer[listJSON[string]]{CacheControl: cacheConfiguration, Body: listJSON[string]{Data: list(a.cfg.SourceIPs)}}, nil
}

// auditJSON is an entry of the audit log.
type auditJSON struct {
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Action   string          `json:"action" example:"endpoint.updated"`
	Actor    string          `json:"actor"`
	Address  string          `json:"address"`
	Resource string          `json:"resource"`
	Before   json.RawMessage `json:"before,omitempty" doc:"What is different, as it was; absent where there is nothing to say."`
	After    json.RawMessage `json:"after,omitempty" doc:"What is different, as it is."`
}

func auditToJSON(r *webhook.AuditRecord) auditJSON {
	return auditJSON{
		ID: r.ID, At: r.At.UTC(), Action: string(r.Action), Actor: r.Actor.Name, Address: r.Actor.Address, Resource: r.Resource,
		Before: r.Before, After: r.After,
	}
}

func (a *api) listAudit(ctx context.Context, in *struct {
	Action   string    `query:"action" maxLength:"64" doc:"Only this action."`
	Actor    string    `query:"actor" maxLength:"256" doc:"Only what this actor did."`
	Resource string    `query:"resource" maxLength:"64" doc:"Only what was done to what has this id."`
	From     time.Time `query:"from"`
	To       time.Time `query:"to"`
	Limit    int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor   string    `query:"cursor" doc:"The next of the page before."`
},
) (*answer[listJSON[auditJSON]], error) {
	filter := store.AuditFilter{Action: webhook.AuditAction(in.Action), Actor: in.Actor, Resource: in.Resource, From: in.From, To: in.To}
	items, next, err := fetch(ctx, a, listing{"audit", filter, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.AuditRecord, error) { return a.m.Audit(ctx, tenant(ctx), filter, p) },
		func(r *webhook.AuditRecord) string { return r.ID })
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(items, next, auditToJSON)), nil
}

// incidentJSON is what has happened again and again within a window.
type incidentJSON struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Subject   string    `json:"subject"`
	Since     time.Time `json:"since"`
	Last      time.Time `json:"last"`
	Count     int64     `json:"count"`
	Threshold int64     `json:"threshold"`
}

func (a *api) listIncidents(ctx context.Context, in *struct {
	Kind    string    `query:"kind" maxLength:"64" doc:"Only this kind."`
	Subject string    `query:"subject" maxLength:"128" doc:"Only about this."`
	From    time.Time `query:"from"`
	To      time.Time `query:"to"`
	Limit   int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor  string    `query:"cursor" doc:"The next of the page before."`
},
) (*answer[listJSON[incidentJSON]], error) {
	filter := store.IncidentFilter{Kind: webhook.IncidentKind(in.Kind), Subject: in.Subject, From: in.From, To: in.To}
	items, next, err := fetch(ctx, a, listing{"incidents", filter, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.Incident, error) { return a.m.Incidents(ctx, tenant(ctx), filter, p) },
		func(i *webhook.Incident) string { return i.ID })
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(items, next, func(i *webhook.Incident) incidentJSON {
		return incidentJSON{i.ID, string(i.Kind), i.Subject, i.Since.UTC(), i.Last.UTC(), i.Count, i.Threshold}
	})), nil
}

// findingJSON is something that should be safer.
type findingJSON struct {
	Code      string            `json:"code"`
	Severity  string            `json:"severity" enum:"high,medium,low"`
	WebhookID string            `json:"webhook_id" doc:"Empty if it is about all."`
	Text      string            `json:"text"`
	Evidence  map[string]string `json:"evidence"`
}

func (a *api) securityReport(ctx context.Context, _ *struct{}) (*answer[listJSON[findingJSON]], error) {
	findings, err := a.m.SecurityReport(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(findings, nil, func(f *manage.Finding) findingJSON {
		return findingJSON{string(f.Code), string(f.Severity), f.Endpoint, f.Text, texts(f.Evidence)}
	})), nil
}

// subjectInput names who or what events are about.
type subjectInput struct {
	Subject string `json:"subject"`
}

// erasedJSON counts what was erased, by table.
type erasedJSON struct {
	ID              string `json:"id" doc:"The id of the erasure."`
	State           string `json:"state" enum:"running,done,canceled" doc:"While it is running the counts grow."`
	Events          int    `json:"events"`
	Payloads        int    `json:"payloads"`
	Deliveries      int    `json:"deliveries"`
	Attempts        int    `json:"attempts"`
	IdempotencyKeys int    `json:"idempotency_keys"`
	Pending         int    `json:"pending" doc:"How many of the deliveries had not ended."`
	SubjectKeys     int    `json:"subject_keys"`
}

func (a *api) eraseSubject(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
},
) (*answer[erasedJSON], error) {
	var body subjectInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	e, err := a.m.Erase(ctx, tenant(ctx), body.Subject)
	if err != nil {
		return nil, err
	}
	return uncached(erasureToJSON(&e)), nil
}

func erasureToJSON(e *manage.Erasure) erasedJSON {
	return erasedJSON{
		e.Job, string(e.State), e.Events, e.Payloads, e.Deliveries, e.Attempts, e.IdempotencyKeys, e.Pending, e.SubjectKeys,
	}
}

func (a *api) readErasure(ctx context.Context, in *byID) (*answer[erasedJSON], error) {
	e, err := a.m.Erasure(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(erasureToJSON(&e)), nil
}

const ndjsonType = "application/x-ndjson"

// exportSubject streams: what a person has may be more than fits into memory. An export
// that breaks off ends without its last line, which has the counts.
func (a *api) exportSubject(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
},
) (*huma.StreamResponse, error) {
	var body subjectInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	if body.Subject == "" || len(body.Subject) > webhook.MaxSubjectLen {
		return nil, webhook.Invalid("subject", webhook.CodeInvalidField, "Must be 1 to 255 bytes.")
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		hctx.SetHeader("Content-Type", ndjsonType)
		hctx.SetHeader("Content-Disposition", `attachment; filename="subject.ndjson"`)
		hctx.SetHeader("Cache-Control", cacheNever)
		_, w := humachi.Unwrap(hctx)
		counts, err := a.m.ExportSubject(ctx, tenant(ctx), body.Subject, w)
		if err != nil {
			if w, ok := w.(*response); ok && !w.began {
				a.problemOf(ctx, err).write(w)
				return
			}
			a.cfg.Logger.Warn("export a subject", zap.Error(err))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": "counts", "events": counts.Events, "deliveries": counts.Deliveries, "attempts": counts.Attempts,
		}) // who does not read it knows that it is not whole
	}}, nil
}
