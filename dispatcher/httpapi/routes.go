package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is the table of all routes: what each needs, and what it does.
func (a *api) routes(h huma.API) {
	// Webhooks.
	serve(a, h, route{method: get, path: "/webhooks", need: reader, action: ReadWebhooks, summary: "List webhooks"}, a.listWebhooks)
	serve(a, h, route{method: post, path: "/webhooks", need: developer, action: CreateWebhook, summary: "Create a webhook; its secret is shown this once", body: webhookInput{}, status: http.StatusCreated}, a.createWebhook)
	serve(a, h, route{method: get, path: "/webhooks/{id}", need: reader, action: ReadWebhooks, summary: "Read a webhook"}, a.readWebhook)
	serve(a, h, route{method: put, path: "/webhooks/{id}", need: developer, action: UpdateWebhook, summary: "Replace a webhook's configuration", body: webhookInput{}}, a.replaceWebhook)
	serve(a, h, route{method: patch, path: "/webhooks/{id}", need: developer, action: UpdateWebhook, summary: "Change parts of a webhook's configuration (RFC 7396)", body: webhookPatch{}}, a.patchWebhook)
	serve(a, h, route{method: remove, path: "/webhooks/{id}", need: developer, action: DeleteWebhook, summary: "Delete a webhook", status: http.StatusNoContent}, a.deleteWebhook)
	serve(a, h, route{method: post, path: "/webhooks/{id}/pause", need: developer, action: UpdateWebhook, summary: "Pause a webhook"}, a.pauseWebhook)
	serve(a, h, route{method: post, path: "/webhooks/{id}/resume", need: developer, action: UpdateWebhook, summary: "Resume a webhook"}, a.resumeWebhook)
	serve(a, h, route{method: post, path: "/webhooks/{id}/rotate-secret", need: developer, action: RotateSecret, summary: "Replace the signing secret; the new one is shown this once", body: rotationInput{}}, a.rotateSecret)
	serve(a, h, route{method: post, path: "/webhooks/{id}/subscribe", need: developer, action: UpdateWebhook, summary: "Subscribe to event types", body: subscriptionInput{}}, a.subscribe)
	serve(a, h, route{method: remove, path: "/webhooks/{id}/unsubscribe", need: developer, action: UpdateWebhook, summary: "Unsubscribe from event types", body: subscriptionInput{}}, a.unsubscribe)
	serve(a, h, route{method: post, path: "/webhooks/{id}/test", need: developer, action: TestWebhook, summary: "Send one signed test event and wait for the answer", body: testInput{}}, a.testWebhook)
	serve(a, h, route{method: post, path: "/webhooks/{id}/verify-signature", need: developer, action: TestWebhook, summary: "Tell why a request that arrived does not verify", body: verifyInput{}}, a.verifySignature)
	serve(a, h, route{method: get, path: "/webhooks/{id}/advice", need: reader, action: ReadStatistics, summary: "What would make a webhook work better"}, a.advise)
	serve(a, h, route{method: get, path: "/webhooks/{id}/stats", need: reader, action: ReadStatistics, summary: "A webhook's last day by hour"}, a.readStats)

	serve(a, h, route{method: post, path: "/webhooks/{id}/preview", need: developer, action: TestWebhook, summary: "What would be sent for a sample event, and whether it would be", body: previewInput{}}, a.previewWebhook)

	serve(a, h, route{method: get, path: "/webhooks/{id}/events", need: reader, action: ReadEvents, summary: "The events that matched a webhook"}, a.webhookEvents)

	// Deliveries.
	serve(a, h, route{method: get, path: "/webhooks/{id}/deliveries", need: reader, action: ReadDeliveries, summary: "A webhook's delivery log", answers: logForms}, a.webhookDeliveries)
	serve(a, h, route{method: get, path: "/webhooks/deliveries", need: reader, action: ReadDeliveries, summary: "All deliveries; status=failed are the dead letters", answers: logForms}, a.listDeliveries)
	serve(a, h, route{method: get, path: "/webhooks/deliveries/{id}", need: reader, action: ReadDeliveries, summary: "A delivery with its attempts, and why it is as it is"}, a.readDelivery)
	serve(a, h, route{method: post, path: "/webhooks/deliveries/{id}/retry", need: developer, action: Redeliver, summary: "Send a delivery again", status: http.StatusAccepted}, a.retryDelivery)
	serve(a, h, route{method: post, path: "/webhooks/deliveries/{id}/cancel", need: developer, action: CancelDelivery, summary: "Cancel a delivery that has not gone out", status: http.StatusAccepted}, a.cancelDelivery)
	serve(a, h, route{method: post, path: "/webhooks/{id}/redeliver", need: developer, action: Redeliver, summary: "Send many of a webhook's deliveries again", body: redeliveryInput{}, status: http.StatusAccepted}, a.redeliverWebhook)
	serve(a, h, route{method: post, path: "/webhooks/redeliver", need: developer, action: Redeliver, summary: "Send many deliveries again", body: redeliveryInput{}, status: http.StatusAccepted}, a.redeliverMany)
	serve(a, h, route{method: get, path: "/webhooks/redeliveries/{id}", need: reader, action: ReadDeliveries, summary: "How far a redelivery is"}, a.readRedelivery)
	serve(a, h, route{method: remove, path: "/webhooks/redeliveries/{id}", need: developer, action: Redeliver, summary: "Cancel a redelivery", status: http.StatusNoContent}, a.cancelRedelivery)

	// Events.
	serve(a, h, route{method: post, path: "/events", need: publisher, action: PublishEvents, summary: "Publish an event", body: eventInput{}, status: http.StatusAccepted}, a.publish)
	serve(a, h, route{method: post, path: "/events/batch", need: publisher, action: PublishEvents, summary: "Publish up to 1,000 events, each for itself", body: batchInput{}, status: http.StatusAccepted, limit: maxBatch}, a.publishMany)
	serve(a, h, route{method: get, path: "/events", need: reader, action: ReadEvents, summary: "What was published"}, a.listEvents)
	serve(a, h, route{method: get, path: "/events/{id}", need: reader, action: ReadEvents, summary: "An event with its payload and deliveries"}, a.readEvent)
	serve(a, h, route{method: post, path: "/events/{id}/cancel", need: developer, action: CancelEvent, summary: "Cancel what has not gone out of an event", status: http.StatusAccepted}, a.cancelEvent)

	// Event types. They are the host's, and the same for all tenants.
	serve(a, h, route{method: get, path: "/webhooks/events", need: reader, action: ReadEventTypes, summary: "List event types with schemas and examples"}, a.listEventTypes)
	serve(a, h, route{method: get, path: "/webhooks/events/{type}", need: reader, action: ReadEventTypes, summary: "An event type with all versions of its schema"}, a.readEventType)
	serve(a, h, route{method: post, path: "/webhooks/events", need: registrar, action: ChangeEventTypes, summary: "Register an event type", body: eventTypeInput{}, status: http.StatusCreated}, a.registerEventType)
	serve(a, h, route{method: put, path: "/webhooks/events/{type}", need: registrar, action: ChangeEventTypes, summary: "Replace an event type; a schema becomes its next version, and 409 says what that breaks", body: eventTypeReplacement{}}, a.replaceEventType)
	serve(a, h, route{method: remove, path: "/webhooks/events/{type}", need: registrar, action: ChangeEventTypes, summary: "Archive an event type: no event of it is published any more", status: http.StatusNoContent}, a.archiveEventType)

	// The tenant.
	serve(a, h, route{method: get, path: "/webhooks/analytics", need: reader, action: ReadStatistics, summary: "What became of attempts over time, and the time before"}, a.readAnalytics)
	serve(a, h, route{method: get, path: "/limits", need: reader, action: ReadLimits, summary: "What the plan allows, and what of it is used"}, a.readLimits)
	serve(a, h, route{method: get, path: "/api-keys", need: admin, action: ReadTokens, summary: "List API keys"}, a.listAPIKeys)
	serve(a, h, route{method: post, path: "/api-keys", need: admin, action: ChangeTokens, summary: "Create an API key; its secret is shown this once", body: apiKeyInput{}, status: http.StatusCreated}, a.createAPIKey)
	serve(a, h, route{method: remove, path: "/api-keys/{id}", need: admin, action: ChangeTokens, summary: "Revoke an API key", status: http.StatusNoContent}, a.revokeAPIKey)
	serve(a, h, route{method: post, path: "/portal-tokens", need: admin, action: ChangeTokens, summary: "Create a token that opens the console for a while; its secret is shown this once", body: portalTokenInput{}, status: http.StatusCreated}, a.createPortalToken)
	serve(a, h, route{method: remove, path: "/portal-tokens/{id}", need: admin, action: ChangeTokens, summary: "Revoke a portal token", status: http.StatusNoContent}, a.revokePortalToken)
	serve(a, h, route{method: get, path: "/webhooks/source-ips", need: reader, action: ReadSourceIPs, summary: "The addresses that deliveries come from"}, a.sourceIPs)
	serve(a, h, route{method: get, path: "/webhooks/audit", need: admin, action: ReadAudit, summary: "Who changed what"}, a.listAudit)
	serve(a, h, route{method: get, path: "/webhooks/incidents", need: admin, action: ReadAudit, summary: "What looked like an attack"}, a.listIncidents)
	serve(a, h, route{method: get, path: "/webhooks/security-report", need: admin, action: ReadAudit, summary: "What should be safer"}, a.securityReport)
	serve(a, h, route{method: post, path: "/webhooks/erase", need: admin, action: EraseSubject, summary: "Erase all that is kept about a subject; it is answered after 5 seconds at the latest", body: subjectInput{}}, a.eraseSubject)
	serve(a, h, route{method: get, path: "/webhooks/erasures/{id}", need: admin, action: EraseSubject, summary: "How far an erasure is"}, a.readErasure)
	serve(a, h, route{method: post, path: "/webhooks/export-subject", need: admin, action: ExportSubject, summary: "Export all that is kept about a subject", body: subjectInput{}}, a.exportSubject)
}
