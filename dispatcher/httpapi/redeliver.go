package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// redeliveryInput says which deliveries are sent again.
type redeliveryInput struct {
	DeliveryIDs []string  `json:"delivery_ids,omitempty" doc:"At most 1,000. Not together with what is below."`
	Status      string    `json:"status,omitempty" doc:"failed, canceled, skipped or delivered. Defaults to failed."`
	EventTypes  []string  `json:"event_types,omitempty" doc:"Types, prefix.* or *. Defaults to all."`
	From        time.Time `json:"from,omitzero" doc:"Of events published at this time or later."`
	To          time.Time `json:"to,omitzero" doc:"Of events published before this time."`
	DryRun      bool      `json:"dry_run,omitempty" doc:"Counts, and does nothing."`
}

type redeliveryJSON struct {
	ID      string `json:"id" doc:"The id of the redelivery; empty after a dry run and if nothing matched."`
	Matched int    `json:"matched"`
}

func (a *api) redeliver(ctx context.Context, raw []byte, endpoint string) (*answer[redeliveryJSON], error) {
	var body redeliveryInput
	if err := strict.Decode(raw, &body); err != nil {
		return nil, err
	}
	result, err := a.m.RedeliverMany(ctx, tenant(ctx), manage.Redelivery{
		Deliveries: body.DeliveryIDs, Endpoint: endpoint, Status: webhook.DeliveryStatus(body.Status),
		EventTypes: body.EventTypes, From: body.From, To: body.To, DryRun: body.DryRun,
	})
	if err != nil {
		return nil, renamed(err, map[string]string{"deliveries": "delivery_ids"})
	}
	return uncached(redeliveryJSON{ID: result.Job, Matched: result.Matched}), nil
}

// renamed returns an error with the names that fields have in this API.
func renamed(err error, names map[string]string) error {
	inv, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok {
		return err
	}
	var out webhook.InvalidError
	for _, f := range inv.Fields {
		if name, ok := names[f.Field]; ok {
			f.Field = name
		}
		out.Fields = append(out.Fields, f)
	}
	return &out
}

func (a *api) redeliverMany(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
},
) (*answer[redeliveryJSON], error) {
	return a.redeliver(ctx, in.RawBody, "")
}

func (a *api) redeliverWebhook(ctx context.Context, in *bodyOf) (*answer[redeliveryJSON], error) {
	if _, err := a.m.Endpoint(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	return a.redeliver(ctx, in.RawBody, in.ID)
}

// progressJSON is how far a redelivery is.
type progressJSON struct {
	ID        string    `json:"id"`
	State     string    `json:"state" enum:"running,done,canceled"`
	Total     int       `json:"total"`
	Done      int       `json:"done"`
	Skipped   int       `json:"skipped"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (a *api) readRedelivery(ctx context.Context, in *byID) (*answer[progressJSON], error) {
	p, err := a.m.Job(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(progressJSON{p.ID, string(p.State), p.Total, p.Done, p.Skipped, p.CreatedAt.UTC(), p.UpdatedAt.UTC()}), nil
}

func (a *api) cancelRedelivery(ctx context.Context, in *byID) (*struct{}, error) {
	return nil, a.m.CancelJob(ctx, tenant(ctx), in.ID)
}
