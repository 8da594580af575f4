package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func system(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "system.maintenance", group: "System", description: "Maintenance is planned, goes on or is over."},
			SystemMaintenance{
				MaintenanceID: "mnt_2026_11",
				Status:        "scheduled",
				Components:    []string{"sms-gateway", "console"},
				Impact:        "none",
				StartsAt:      after(48 * time.Hour),
				EndsAt:        after(50 * time.Hour),
			}),
		add(r, about{name: "system.updated", group: "System", description: "A new version is in use."},
			SystemUpdated{
				Component:       "rest-api",
				FromVersion:     "4.11.0",
				ToVersion:       "4.12.0",
				Breaking:        false,
				ReleaseNotesURL: "https://status.example.com/releases/4.12.0",
				UpdatedAt:       at,
			}),
		add(r, about{name: "system.alert", group: "System", description: "Something is wrong, or is right again."},
			SystemAlert{
				AlertID:   "alr_5521",
				Severity:  "warning",
				State:     "firing",
				Component: "smpp-bridge",
				Message:   "Queue of outgoing messages is growing.",
				RaisedAt:  at,
			}),
	}
}

// SystemMaintenance is the payload of system.maintenance.
type SystemMaintenance struct {
	MaintenanceID string    `json:"maintenance_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the maintenance."`
	Status        string    `json:"status" jsonschema:"enum=scheduled,enum=started,enum=completed,enum=canceled" jsonschema_description:"How far it is."`
	Components    []string  `json:"components" jsonschema:"minItems=1" jsonschema_description:"What it is about."`
	Impact        string    `json:"impact" jsonschema:"enum=none,enum=degraded,enum=outage" jsonschema_description:"What users notice."`
	StartsAt      time.Time `json:"starts_at" jsonschema_description:"When it begins."`
	EndsAt        time.Time `json:"ends_at" jsonschema_description:"When it ends, as far as is known."`
}

// SystemUpdated is the payload of system.updated.
type SystemUpdated struct {
	Component       string    `json:"component" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"What was updated."`
	FromVersion     string    `json:"from_version" jsonschema:"minLength=1,maxLength=32" jsonschema_description:"Version before."`
	ToVersion       string    `json:"to_version" jsonschema:"minLength=1,maxLength=32" jsonschema_description:"Version now."`
	Breaking        bool      `json:"breaking" jsonschema_description:"Whether users have to do something."`
	ReleaseNotesURL string    `json:"release_notes_url" jsonschema:"format=uri,maxLength=2048" jsonschema_description:"What is new."`
	UpdatedAt       time.Time `json:"updated_at" jsonschema_description:"When it came into use."`
}

// SystemAlert is the payload of system.alert.
type SystemAlert struct {
	AlertID   string    `json:"alert_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the alert."`
	Severity  string    `json:"severity" jsonschema:"enum=info,enum=warning,enum=critical" jsonschema_description:"How bad it is."`
	State     string    `json:"state" jsonschema:"enum=firing,enum=resolved" jsonschema_description:"Whether it goes on."`
	Component string    `json:"component" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"What it is about."`
	Message   string    `json:"message" jsonschema:"minLength=1,maxLength=1024" jsonschema_description:"What people should know."`
	RaisedAt  time.Time `json:"raised_at" jsonschema_description:"When it began."`
}
