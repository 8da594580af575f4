package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func security(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "security.authentication", group: "Security", description: "Somebody has tried to prove who it is."},
			SecurityAuthentication{
				UserID:     "usr_7Q2M4K",
				Outcome:    "failed",
				Method:     "password",
				Attempts:   5,
				IPAddress:  "198.51.100.7",
				OccurredAt: at,
			}),
		add(r, about{name: "security.authorization", group: "Security", description: "Somebody was allowed or refused to do something."},
			SecurityAuthorization{
				PrincipalID: "usr_7Q2M4K",
				Action:      "invoices:export",
				Resource:    "inv_2026_03_0042",
				Decision:    "denied",
				Policy:      "finance-only",
				OccurredAt:  at,
			}),
		add(r, about{name: "security.breach", group: "Security", description: "There may have been access that must not be."},
			SecurityBreach{
				IncidentID:    "sec_2026_004",
				Severity:      "high",
				Category:      "credential_leak",
				Affected:      []string{"api-keys"},
				AffectedUsers: 3,
				Status:        "investigating",
				DetectedAt:    at,
			}),
		add(r, about{name: "security.mfa_changed", group: "Security", description: "A second factor was added or removed."},
			SecurityMFAChanged{
				UserID:    "usr_7Q2M4K",
				Change:    "enrolled",
				Factor:    "totp",
				ChangedBy: "usr_7Q2M4K",
				ChangedAt: at,
			}),
	}
}

// SecurityAuthentication is the payload of security.authentication.
type SecurityAuthentication struct {
	UserID     string    `json:"user_id,omitempty" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user, if it is known."`
	Outcome    string    `json:"outcome" jsonschema:"enum=failed,enum=succeeded,enum=blocked" jsonschema_description:"What came of it."`
	Method     string    `json:"method" jsonschema:"enum=password,enum=api_key,enum=sso,enum=passkey,enum=token" jsonschema_description:"How it was tried."`
	Attempts   int64     `json:"attempts" jsonschema:"minimum=1" jsonschema_description:"How many times in the last 15 minutes."`
	IPAddress  string    `json:"ip_address,omitempty" jsonschema:"format=ipv4" jsonschema_description:"Address of the client."`
	OccurredAt time.Time `json:"occurred_at" jsonschema_description:"When."`
}

// SecurityAuthorization is the payload of security.authorization.
type SecurityAuthorization struct {
	PrincipalID string    `json:"principal_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who tried."`
	Action      string    `json:"action" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"What was tried."`
	Resource    string    `json:"resource" jsonschema:"minLength=1,maxLength=256" jsonschema_description:"What it was about."`
	Decision    string    `json:"decision" jsonschema:"enum=denied,enum=allowed" jsonschema_description:"What was decided."`
	Policy      string    `json:"policy,omitempty" jsonschema:"maxLength=128" jsonschema_description:"Rule that decided."`
	OccurredAt  time.Time `json:"occurred_at" jsonschema_description:"When."`
}

// SecurityBreach is the payload of security.breach.
type SecurityBreach struct {
	IncidentID    string    `json:"incident_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the incident."`
	Severity      string    `json:"severity" jsonschema:"enum=low,enum=medium,enum=high,enum=critical" jsonschema_description:"How bad it is."`
	Category      string    `json:"category" jsonschema:"enum=credential_leak,enum=data_access,enum=malware,enum=insider" jsonschema_description:"What kind."`
	Affected      []string  `json:"affected" jsonschema:"minItems=1" jsonschema_description:"What is affected."`
	AffectedUsers int64     `json:"affected_users" jsonschema:"minimum=0" jsonschema_description:"How many people are affected, as far as is known."`
	Status        string    `json:"status" jsonschema:"enum=investigating,enum=contained,enum=resolved" jsonschema_description:"What is done about it."`
	DetectedAt    time.Time `json:"detected_at" jsonschema_description:"When it was noticed."`
}

// SecurityMFAChanged is the payload of security.mfa_changed.
type SecurityMFAChanged struct {
	UserID    string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	Change    string    `json:"change" jsonschema:"enum=enrolled,enum=removed,enum=reset" jsonschema_description:"What was changed."`
	Factor    string    `json:"factor" jsonschema:"enum=totp,enum=passkey,enum=sms" jsonschema_description:"Which kind."`
	ChangedBy string    `json:"changed_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who changed it."`
	ChangedAt time.Time `json:"changed_at" jsonschema_description:"When."`
}
