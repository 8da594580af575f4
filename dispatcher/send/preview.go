package send

import (
	"context"
	"net/http"

	"github.com/postrider/postrider/webhook"
)

// Preview is what would be sent of an event, before it is encrypted and signed.
type Preview struct {
	// Transformed is the data after the endpoint's transform, and Data after values
	// were removed or hashed as well.
	Transformed, Data []byte
	Body              []byte
	// Header has the content type, and what the format puts into headers.
	Header http.Header
	// Class is why there is no body, or ClassNone.
	Class webhook.ErrorClass
}

// Preview returns what would be sent of an event to an endpoint, which need not be
// stored. The error is that of a pointer that is none.
func (s *Sender) Preview(ctx context.Context, ep webhook.Endpoint, ev *webhook.Event) (p Preview, err error) {
	r := &Route{Endpoint: ep}
	if r.anonymize, err = anonymizations(ep.Anonymize); err != nil {
		return Preview{}, err
	}
	msg := NewMessage(ev)
	if p.Transformed, err = s.transform(ctx, r, msg); err != nil {
		return Preview{Class: webhook.ClassTransformError}, nil
	}
	if p.Data, err = s.anonymized(ctx, r, p.Transformed); err != nil {
		return Preview{Class: webhook.ClassInternal}, nil
	}
	whole := msg
	if ep.Batch.MaxEvents > 0 { // the receiver gets an array
		whole = NewBatch("", []*Message{msg})
	}
	body, contentType, err := s.frame(ctx, r, whole)
	if err != nil {
		return Preview{Class: classOf(err)}, nil
	}
	p.Body, p.Header = body, http.Header{"Content-Type": {contentType}}
	if ep.Format == webhook.FormatCloudEventsBinary {
		setCloudEvent(p.Header, msg)
	}
	return p, nil
}

// Asks asks an endpoint's filter about an event (see Wants).
func (s *Sender) Asks(ctx context.Context, ep webhook.Endpoint, ev *webhook.Event) (bool, error) {
	return s.Wants(ctx, &Route{Endpoint: ep}, NewMessage(ev))
}
