package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func integrations(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "integration.connected", group: "Integrations", description: "Another system is connected."},
			IntegrationConnected{
				IntegrationID: "int_crm_17",
				Provider:      "hubspot",
				Account:       "acme-crm",
				Scopes:        []string{"contacts:read", "contacts:write"},
				ConnectedBy:   "usr_7Q2M4K",
				ConnectedAt:   at,
			}),
		add(r, about{name: "integration.disconnected", group: "Integrations", description: "Another system is no longer connected."},
			IntegrationDisconnected{
				IntegrationID:  "int_crm_17",
				Provider:       "hubspot",
				Reason:         "user",
				DataDeleted:    false,
				DisconnectedAt: at,
			}),
		add(r, about{name: "integration.failed", group: "Integrations", description: "Something between two systems does not work."},
			IntegrationFailed{
				IntegrationID:       "int_crm_17",
				Provider:            "hubspot",
				Operation:           "sync contacts",
				ErrorCode:           "unauthorized",
				ConsecutiveFailures: 3,
				Disabled:            false,
				FailedAt:            at,
			}),
		add(r, about{name: "integration.synced", group: "Integrations", description: "Two systems have the same again."},
			IntegrationSynced{
				IntegrationID: "int_crm_17",
				Provider:      "hubspot",
				Created:       14,
				Updated:       112,
				DurationMS:    5200,
				SyncedAt:      at,
			}),
	}
}

// IntegrationConnected is the payload of integration.connected.
type IntegrationConnected struct {
	IntegrationID string    `json:"integration_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the integration."`
	Provider      string    `json:"provider" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"System at the other end."`
	Account       string    `json:"account" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Account there."`
	Scopes        []string  `json:"scopes" jsonschema:"minItems=1" jsonschema_description:"What it may do."`
	ConnectedBy   string    `json:"connected_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who connected it."`
	ConnectedAt   time.Time `json:"connected_at" jsonschema_description:"When."`
}

// IntegrationDisconnected is the payload of integration.disconnected.
type IntegrationDisconnected struct {
	IntegrationID  string    `json:"integration_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the integration."`
	Provider       string    `json:"provider" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"System at the other end."`
	Reason         string    `json:"reason" jsonschema:"enum=user,enum=revoked,enum=expired,enum=provider" jsonschema_description:"Why."`
	DataDeleted    bool      `json:"data_deleted" jsonschema_description:"Whether what came from there was deleted."`
	DisconnectedAt time.Time `json:"disconnected_at" jsonschema_description:"When."`
}

// IntegrationFailed is the payload of integration.failed.
type IntegrationFailed struct {
	IntegrationID       string    `json:"integration_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the integration."`
	Provider            string    `json:"provider" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"System at the other end."`
	Operation           string    `json:"operation" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"What was tried."`
	ErrorCode           string    `json:"error_code" jsonschema:"enum=unauthorized,enum=timeout,enum=invalid_data,enum=unavailable" jsonschema_description:"Why it failed."`
	ConsecutiveFailures int64     `json:"consecutive_failures" jsonschema:"minimum=1" jsonschema_description:"How often it has failed in a row."`
	Disabled            bool      `json:"disabled" jsonschema_description:"Whether it is not tried any more."`
	FailedAt            time.Time `json:"failed_at" jsonschema_description:"When."`
}

// IntegrationSynced is the payload of integration.synced.
type IntegrationSynced struct {
	IntegrationID string    `json:"integration_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the integration."`
	Provider      string    `json:"provider" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"System at the other end."`
	Created       int64     `json:"created" jsonschema:"minimum=0" jsonschema_description:"How many records are new."`
	Updated       int64     `json:"updated" jsonschema:"minimum=0" jsonschema_description:"How many have changed."`
	DurationMS    int64     `json:"duration_ms" jsonschema:"minimum=0" jsonschema_description:"How long it took, in milliseconds."`
	SyncedAt      time.Time `json:"synced_at" jsonschema_description:"When."`
}
