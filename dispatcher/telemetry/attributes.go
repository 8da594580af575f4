package telemetry

import (
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
)

// The attributes of spans and metrics. Those without "postrider" are of OpenTelemetry's
// semantic conventions, version 1.43.
const (
	attrSystem        = attribute.Key("messaging.system")
	attrOperation     = attribute.Key("messaging.operation.name")
	attrOperationType = attribute.Key("messaging.operation.type")
	attrMessage       = attribute.Key("messaging.message.id")
	attrMessageSize   = attribute.Key("messaging.message.body.size")
	attrBatchSize     = attribute.Key("messaging.batch.message_count")
	attrMethod        = attribute.Key("http.request.method")
	attrResends       = attribute.Key("http.request.resend_count")
	attrStatusCode    = attribute.Key("http.response.status_code")
	attrServer        = attribute.Key("server.address")
	attrPort          = attribute.Key("server.port")
	attrErrorType     = attribute.Key("error.type")

	attrTenant     = attribute.Key("postrider.tenant")
	attrEventType  = attribute.Key("postrider.event.type")
	attrEndpoint   = attribute.Key("postrider.endpoint.id")
	attrDelivery   = attribute.Key("postrider.delivery.id")
	attrDeliveries = attribute.Key("postrider.deliveries")
	attrDuplicate  = attribute.Key("postrider.duplicate")
	attrBatch      = attribute.Key("postrider.batch.id")
	attrAttempt    = attribute.Key("postrider.attempt.number")
	attrOutcome    = attribute.Key("postrider.outcome")

	attrStatus         = attribute.Key("postrider.status")
	attrStoreOperation = attribute.Key("postrider.operation")
	attrCause          = attribute.Key("postrider.cause")
	attrIncident       = attribute.Key("postrider.incident.kind")
	attrLane           = attribute.Key("postrider.lane.state")
)

// AttributeQueued is the attribute of an attempt that says how long its delivery was due
// before the attempt began, in seconds. It is missing where that is not known: for a
// retry, if another process made the attempt before.
const AttributeQueued = "postrider.queue.duration"

// serverOf returns the host and the port of a URL. Nothing else of it may be told: paths
// and queries of webhooks have tokens in them.
func serverOf(rawURL string) []attribute.KeyValue {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	attrs := []attribute.KeyValue{attrServer.String(u.Hostname())}
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
	case u.Scheme == "https":
		port = 443
	case u.Scheme == "http":
		port = 80
	default:
		return attrs
	}
	return append(attrs, attrPort.Int(port))
}
