package httpapi

// Action is what a request wants to do, for Config.Authorize.
type Action string

// The actions. The resource is the id in the path: of a webhook, a delivery, an event or
// a job, or the name of an event type.
const (
	ReadWebhooks   Action = "webhooks.read"
	CreateWebhook  Action = "webhooks.create"
	UpdateWebhook  Action = "webhooks.update" // also pause, resume, subscribe, unsubscribe
	DeleteWebhook  Action = "webhooks.delete"
	TestWebhook    Action = "webhooks.test" // also preview and verify-signature
	RotateSecret   Action = "webhooks.rotate_secret"
	ReadDeliveries Action = "deliveries.read"
	Redeliver      Action = "deliveries.redeliver"
	CancelDelivery Action = "deliveries.cancel"
	ReadEvents     Action = "events.read"
	PublishEvents  Action = "events.publish"
	CancelEvent    Action = "events.cancel"
	ReadStatistics Action = "statistics.read"
	ReadLimits     Action = "limits.read"
	ReadAudit      Action = "audit.read" // also incidents and the security report
	EraseSubject   Action = "subjects.erase"
	ExportSubject  Action = "subjects.export"
	ReadSourceIPs  Action = "source_ips.read"
	ReadTokens     Action = "tokens.read"
	ChangeTokens   Action = "tokens.change" // create and revoke API keys and portal tokens

	ReadEventTypes   Action = "event_types.read"
	ChangeEventTypes Action = "event_types.change" // also register and archive
)
