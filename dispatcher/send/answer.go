package send

import (
	"net/http"

	"github.com/postrider/postrider/webhook"
)

// Answer is what came of an attempt: a response, or the class of the error that
// took its place.
type Answer struct {
	// Class is that of the transport's error, or ClassNone for a response.
	Class      webhook.ErrorClass
	StatusCode int
	Header     http.Header
}

// Classify returns the class that an attempt at an endpoint ends with. Success is
// 2xx (Standard Webhooks 1.0.0, "Operational considerations") or what the endpoint
// chose instead, but never a redirect, since none is followed.
func (a Answer) Classify(ep *webhook.Endpoint) webhook.ErrorClass {
	switch {
	case a.Class != webhook.ClassNone:
		return a.Class
	case a.StatusCode >= 300 && a.StatusCode <= 399:
		return webhook.ClassRedirect
	case ep.Accepts(a.StatusCode):
		return webhook.ClassNone
	}
	return webhook.ClassHTTPStatus
}
