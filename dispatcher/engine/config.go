package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/entropy"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Config is what an engine works with. The dispatcher fills it in: every field is
// required, and none has a default.
type Config struct {
	Store store.Store
	// Sealer opens what the store keeps sealed.
	Sealer  seal.Sealer
	Sender  *send.Sender
	Entropy *entropy.Source
	Log     *zap.Logger
	// Telemetry is told of attempts and of what becomes of them.
	Telemetry *telemetry.Telemetry
	// Version is the version of the library, as the lease shows it.
	Version string
	// Slots bounds the deliveries under way.
	Slots int
	// DrainTimeout is how long deliveries that are under way may go on after
	// the context of Run has ended.
	DrainTimeout time.Duration
	// Lease is how long a lease is asked for. It is renewed every sixth of it.
	Lease time.Duration
	// Retention says how long things are kept.
	Retention store.Retention
	// TenantRetention says how long a tenant's events are kept, if that is less; nil
	// or 0 for as long as all others.
	TenantRetention func(ctx context.Context, tenant string) (time.Duration, error)
	// TypeDefaults returns those of events of a type, which apply where the endpoint
	// says nothing. It answers from memory.
	TypeDefaults func(eventType string) webhook.TypeDefaults
	// Changed makes this process heed a change that another wrote, the engine
	// included (see Engine.Changed).
	Changed func(*webhook.Endpoint)
	// Pause pauses an endpoint, unless it is paused already or is no longer at
	// the revision (by order: is no longer to be paused), makes this process heed it and reports it. Neither is an
	// error.
	Pause func(context.Context, PauseRequest) error
	// JobBudget bounds what jobs put into the queue, and PublishBroadcast and
	// Eraser are theirs too (see jobs.Config).
	JobBudget        *jobs.Budget
	PublishBroadcast func(context.Context, webhook.Event) (bool, error)
	Eraser           func(tenant, subject string) jobs.Eraser
	// Report tells of what happened. It does not wait.
	Report func(webhook.Operational)
	// Incident counts what looks like an attack on, or by, a tenant. It does not
	// wait.
	Incident func(tenant string, kind webhook.IncidentKind, subject string)
}
