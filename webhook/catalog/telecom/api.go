package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func api(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "api.called", group: "API", description: "A request was answered."},
			APICalled{
				RequestID:  "req_E31F",
				APIKeyID:   "key_3F9A",
				Method:     "POST",
				Route:      "/v1/messages/{id}",
				StatusCode: 202,
				DurationMS: 38,
				CalledAt:   at,
			}),
		add(r, about{name: "api.rate_limited", group: "API", description: "A request was refused because there were too many."},
			APIRateLimited{
				APIKeyID:          "key_3F9A",
				Route:             "/v1/messages",
				Limit:             100,
				WindowSeconds:     60,
				RetryAfterSeconds: 12,
				LimitedAt:         at,
			}),
		add(r, about{name: "api.error", group: "API", description: "A request failed for a reason of the service."},
			APIError{
				RequestID:  "req_E320",
				Route:      "/v1/calls",
				StatusCode: 503,
				ErrorCode:  "store_unavailable",
				Message:    "The service is busy.",
				FailedAt:   at,
			}),
		add(r, about{name: "api.key_created", group: "API", description: "There is a new API key."},
			APIKeyCreated{
				APIKeyID:  "key_3F9A",
				Name:      "billing-export",
				Scopes:    []string{"events:read", "publish"},
				CreatedBy: "usr_7Q2M4K",
				ExpiresAt: ptr(after(8760 * time.Hour)),
			}),
		add(r, about{name: "api.key_revoked", group: "API", description: "An API key is no longer valid."},
			APIKeyRevoked{
				APIKeyID:  "key_3F9A",
				Reason:    "user",
				RevokedBy: "usr_7Q2M4K",
				RevokedAt: at,
			}),
	}
}

// APICalled is the payload of api.called.
type APICalled struct {
	RequestID  string    `json:"request_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the request."`
	APIKeyID   string    `json:"api_key_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the API key, never the key itself."`
	Method     string    `json:"method" jsonschema:"enum=GET,enum=POST,enum=PUT,enum=PATCH,enum=DELETE" jsonschema_description:"Method of the request."`
	Route      string    `json:"route" jsonschema:"minLength=1,maxLength=256" jsonschema_description:"Route, without what is particular to the request."`
	StatusCode int64     `json:"status_code" jsonschema:"minimum=100,maximum=599" jsonschema_description:"Status of the answer."`
	DurationMS int64     `json:"duration_ms" jsonschema:"minimum=0" jsonschema_description:"How long it took, in milliseconds."`
	CalledAt   time.Time `json:"called_at" jsonschema_description:"When it came."`
}

// APIRateLimited is the payload of api.rate_limited.
type APIRateLimited struct {
	APIKeyID          string    `json:"api_key_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the API key, never the key itself."`
	Route             string    `json:"route" jsonschema:"minLength=1,maxLength=256" jsonschema_description:"Route of the request."`
	Limit             int64     `json:"limit" jsonschema:"minimum=1" jsonschema_description:"How many are allowed in the window."`
	WindowSeconds     int64     `json:"window_seconds" jsonschema:"minimum=1" jsonschema_description:"Length of the window."`
	RetryAfterSeconds int64     `json:"retry_after_seconds" jsonschema:"minimum=0" jsonschema_description:"When it may be tried again."`
	LimitedAt         time.Time `json:"limited_at" jsonschema_description:"When it was refused."`
}

// APIError is the payload of api.error.
type APIError struct {
	RequestID  string    `json:"request_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the request."`
	Route      string    `json:"route" jsonschema:"minLength=1,maxLength=256" jsonschema_description:"Route of the request."`
	StatusCode int64     `json:"status_code" jsonschema:"minimum=500,maximum=599" jsonschema_description:"Status of the answer."`
	ErrorCode  string    `json:"error_code" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Code of the error."`
	Message    string    `json:"message,omitempty" jsonschema:"maxLength=512" jsonschema_description:"What people should know."`
	FailedAt   time.Time `json:"failed_at" jsonschema_description:"When."`
}

// APIKeyCreated is the payload of api.key_created.
type APIKeyCreated struct {
	APIKeyID  string     `json:"api_key_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the API key, never the key itself."`
	Name      string     `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Name of the key."`
	Scopes    []string   `json:"scopes" jsonschema:"minItems=1" jsonschema_description:"What it may do."`
	CreatedBy string     `json:"created_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who made it."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" jsonschema_description:"When it ends."`
}

// APIKeyRevoked is the payload of api.key_revoked.
type APIKeyRevoked struct {
	APIKeyID  string    `json:"api_key_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the API key, never the key itself."`
	Reason    string    `json:"reason" jsonschema:"enum=user,enum=rotated,enum=leaked,enum=expired" jsonschema_description:"Why."`
	RevokedBy string    `json:"revoked_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who revoked it."`
	RevokedAt time.Time `json:"revoked_at" jsonschema_description:"When."`
}
