package httpapi

import (
	_ "embed"
	"encoding/json"
)

// answersText has what the API answered to the examples of requests, by method and
// path; a test wrote it, and holds it to the document.
//
//go:embed answers.json
var answersText []byte

// answerExamples are examples of answers, for the document.
var answerExamples = func() (all map[string]json.RawMessage) {
	if json.Unmarshal(answersText, &all) != nil {
		return nil // which the test of the document sees
	}
	return all
}()

// examples are bodies of requests, for the document; a test sends every one.
var examples = map[string]string{
	"POST /webhooks": `{"url": "https://acme.example/hooks", "description": "Billing", "event_types": ["invoice.*"], "labels": ["billing"],
		"headers": {"X-Team": "billing"}, "timeout_seconds": 10, "retry": {"initial_seconds": 5, "multiplier": 3, "max_attempts": 8},
		"rate_limit": {"per_second": 20, "burst": 5}, "auth": {"type": "bearer", "secret": "a-token"}, "metadata": {"team": "42"}}`,
	"PUT /webhooks/{id}":                   `{"url": "https://acme.example/hooks/v2", "event_types": ["invoice.*", "user.registered"]}`,
	"PATCH /webhooks/{id}":                 `{"description": "Billing and shipping", "metadata": {"team": null}}`,
	"POST /webhooks/{id}/subscribe":        `{"event_types": ["invoice.paid"]}`,
	"DELETE /webhooks/{id}/unsubscribe":    `{"event_types": ["invoice.paid"]}`,
	"POST /webhooks/{id}/rotate-secret":    `{"overlap_seconds": 3600}`,
	"POST /webhooks/{id}/test":             `{"event_type": "invoice.paid", "payload": {"id": "inv_1", "total": 4200}}`,
	"POST /webhooks/{id}/verify-signature": `{"headers": {"webhook-id": "evt_1", "webhook-timestamp": "1767225600", "webhook-signature": "v1,AAAA"}, "body": "{}"}`,
	"POST /webhooks/{id}/redeliver":        `{"status": "failed", "from": "2026-03-01T00:00:00Z", "event_types": ["invoice.*"], "dry_run": true}`,
	"POST /webhooks/redeliver":             `{"status": "failed", "from": "2026-03-01T00:00:00Z", "dry_run": true}`,
	"POST /events":                         `{"type": "invoice.paid", "data": {"id": "inv_1", "total": 4200}, "idempotency_key": "invoice.paid/inv_1", "subject": "customer-7"}`,
	"POST /events/batch":                   `{"events": [{"type": "invoice.paid", "data": {"id": "inv_2"}}, {"type": "user.registered", "data": {"id": "usr_1"}}]}`,
	"POST /webhooks/{id}/preview":          `{"event_type": "invoice.paid", "payload": {"id": "inv_1", "total": 4200}}`,
	"POST /webhooks/events": `{"name": "invoice.voided", "group": "Billing", "description": "An invoice no longer has to be paid.",
		"schema": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}, "example": {"id": "inv_1"}}`,
	"PUT /webhooks/events/{type}": `{"group": "Billing", "description": "An invoice was paid in full.",
		"schema": {"type": "object", "properties": {"id": {"type": "string"}, "paid_at": {"type": "string"}}, "required": ["id"]}, "example": {"id": "inv_1"}}`,
	"POST /api-keys":                `{"name": "deploy", "role": "developer", "scopes": ["publish"]}`,
	"POST /portal-tokens":           `{"name": "Acme's settings page", "role": "viewer", "ttl_seconds": 900}`,
	"POST /webhooks/erase":          `{"subject": "customer-7"}`,
	"POST /webhooks/export-subject": `{"subject": "customer-7"}`,
}
