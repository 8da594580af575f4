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

// Classify returns the class that an attempt ends with. Only 2xx is success (Standard
// Webhooks 1.0.0, "Operational considerations"), and no redirect is followed.
func (a Answer) Classify() webhook.ErrorClass {
	switch {
	case a.Class != webhook.ClassNone:
		return a.Class
	case a.StatusCode >= 200 && a.StatusCode <= 299:
		return webhook.ClassNone
	case a.StatusCode >= 300 && a.StatusCode <= 399:
		return webhook.ClassRedirect
	}
	return webhook.ClassHTTPStatus
}
