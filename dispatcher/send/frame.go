package send

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postrider/postrider/webhook"
)

// The media types of bodies.
const (
	typeJSON        = "application/json"
	typeCloudEvent  = "application/cloudevents+json"
	typeCloudEvents = "application/cloudevents-batch+json"
)

// timeLayout is how times are sent: with all that stores keep.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// frame returns the body of a message to an endpoint, before it is encrypted, and its
// media type.
func (s *Sender) frame(ctx context.Context, r *Route, msg *Message) (body []byte, contentType string, err error) {
	format := r.Endpoint.Format
	if msg.members == nil {
		body, err = s.envelope(ctx, r, msg, format)
		if format == webhook.FormatCloudEvents {
			return body, typeCloudEvent, err
		}
		return body, typeJSON, err
	}
	body = append(make([]byte, 0, msg.Size()), '[')
	for i, m := range msg.members {
		if i > 0 {
			body = append(body, ',')
		}
		one, err := s.envelope(ctx, r, m, format)
		if err != nil {
			return nil, "", err
		}
		if format == "" || format == webhook.FormatStandard {
			body = append(body, `{"id":"`...)
			body = append(body, m.id...) // letters, digits and "_" need no escape
			body = append(body, `",`...)
			one = one[1:]
		}
		body = append(body, one...)
	}
	if format == webhook.FormatCloudEvents {
		contentType = typeCloudEvents
	} else {
		contentType = typeJSON
	}
	return append(body, ']'), contentType, nil
}

// envelope returns one event as its endpoint's format has it.
func (s *Sender) envelope(ctx context.Context, r *Route, msg *Message, format webhook.Format) ([]byte, error) {
	standard := format == "" || format == webhook.FormatStandard
	if standard && r.asItIs(msg) {
		return msg.body, nil
	}
	data, err := s.shape(ctx, r, msg)
	if err != nil {
		return nil, err
	}
	switch {
	case standard:
		body, _ := standardEnvelope(msg.eventType, msg.timestamp, data)
		return body, nil
	case format == webhook.FormatCloudEvents:
		return cloudEvent(msg, data)
	}
	return data, nil
}

// standardEnvelope returns the standard envelope, and where the data begins in it.
func standardEnvelope(eventType string, at time.Time, data []byte) (body []byte, payload int) {
	body = make([]byte, 0, len(data)+len(eventType)+len(timeLayout)+len(`{"type":"","timestamp":"","data":}`))
	body = append(body, `{"type":"`...)
	body = append(body, eventType...) // letters, digits and "._-" need no escape
	body = append(body, `","timestamp":"`...)
	body = at.UTC().AppendFormat(body, timeLayout)
	body = append(body, `","data":`...)
	payload = len(body)
	body = append(body, data...)
	return append(body, '}'), payload
}

// specVersion is that of CloudEvents.
const specVersion = "1.0"

// cloudEvent returns an event in structured mode (CloudEvents 1.0, JSON Event Format
// 3.1). What is in it must not be escaped twice, so only the source, which may be any
// text, goes through an encoder.
func cloudEvent(msg *Message, data []byte) ([]byte, error) {
	source, err := json.Marshal(sourceURI(msg.source))
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, len(data)+len(msg.eventType)+len(source)+160)
	body = append(body, `{"specversion":"`+specVersion+`","id":"`...)
	body = append(body, msg.id...)
	body = append(body, `","source":`...)
	body = append(body, source...)
	body = append(body, `,"type":"`...)
	body = append(body, msg.eventType...)
	body = append(body, `","time":"`...)
	body = msg.timestamp.UTC().AppendFormat(body, timeLayout)
	body = append(body, `","datacontenttype":"application/json","data":`...)
	body = append(body, data...)
	return append(body, '}'), nil
}

// setCloudEvent sets the headers of binary mode (CloudEvents 1.0, HTTP Protocol Binding
// 3.1), none of which an endpoint may set itself.
func setCloudEvent(h http.Header, msg *Message) {
	h["Ce-Specversion"] = []string{specVersion}
	h["Ce-Id"] = []string{msg.id}
	h["Ce-Source"] = []string{sourceURI(msg.source)}
	h["Ce-Type"] = []string{msg.eventType}
	h["Ce-Time"] = []string{msg.timestamp.UTC().Format(timeLayout)}
}

// sourceURI returns a source as a URI reference (RFC 3986), which an event in
// CloudEvents must have. One that is a URI already, such as "urn:acme:billing" or
// "/billing", stays as it is.
func sourceURI(source string) string {
	if source == "" {
		return "/"
	}
	if u, err := url.Parse(source); err == nil && u.String() == source {
		return source
	}
	return strings.ReplaceAll(url.PathEscape(source), ":", "%3A")
}
