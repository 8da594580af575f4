package webhook

// Format is how an event is written into the body of a request.
type Format string

// The formats. In a batch each event of the first three is an element of an array.
const (
	// FormatStandard is the envelope {"type", "timestamp", "data"}, which in a batch
	// begins with "id". The default.
	FormatStandard Format = "standard"
	// FormatRaw is the data alone. The id of the event is in the webhook-id header,
	// and in a batch nowhere.
	FormatRaw Format = "raw"
	// FormatCloudEvents is structured mode of CloudEvents 1.0, Content-Type
	// application/cloudevents+json, or application/cloudevents-batch+json in a batch.
	// Its source is the event's, or "/" for one that has none; what of it cannot
	// stand in a URI is escaped. An event's Subject and Metadata are not sent.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsBinary is binary mode of CloudEvents 1.0: the body is the data,
	// and the rest is in ce- headers, which the signature does not cover but for the
	// id. It has no batches.
	FormatCloudEventsBinary Format = "cloudevents-binary"
)

func (ep Endpoint) validateFormat(inv *InvalidError) {
	switch ep.Format {
	case "", FormatStandard, FormatRaw, FormatCloudEvents:
	case FormatCloudEventsBinary:
		if ep.Batch.MaxEvents != 0 {
			inv.Add("format", CodeInvalidField, "CloudEvents in binary mode cannot be batched; use cloudevents.")
		}
	default:
		inv.Add("format", CodeInvalidField, "Must be standard, raw, cloudevents or cloudevents-binary.")
	}
}
