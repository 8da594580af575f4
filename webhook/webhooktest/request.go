package webhooktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
)

// Request is what arrived at a Receiver. Do not change Body, Data or Batch.
type Request struct {
	// ID is the webhook-id: that of the event, or of the batch.
	ID string
	// Type and Data are the event's, if the body is in the standard envelope or a
	// CloudEvent. Else, and in a batch, Type is "" and Data is the body. What was
	// encrypted is open here if the receiver has a Decrypter (see VerifyWith).
	Type string
	Data json.RawMessage
	// Batch has the events of a batch in the standard envelope, in their order.
	Batch []signer.Event
	// Attempt counts the requests with this id at this receiver from 1.
	Attempt int
	// Time is when it arrived.
	Time time.Time
	// Method, Path, Header and Body are as they were sent.
	Method, Path string
	Header       http.Header
	Body         []byte
	// Status is what it was answered, and 0 as long as it was not, or if the
	// connection was cut.
	Status int
	// Err is why the request is not genuine, or nil: one of the errors of package
	// signer, of which ErrNoKey says that the receiver knows no keys (see
	// Receiver.Trust).
	Err error
}

func newRequest(r *http.Request, body []byte, at time.Time) *Request {
	req := &Request{
		ID: r.Header.Get("Webhook-Id"), Time: at,
		Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: body,
	}
	req.read(r.Header, body)
	return req
}

// String says in a line what arrived, but not its payload.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, attempt %d", r.ID, r.Type, r.Attempt)
	if r.Batch != nil {
		fmt.Fprintf(&b, ", a batch of %d", len(r.Batch))
	}
	switch {
	case r.Err != nil:
		fmt.Fprintf(&b, ": refused: %v", r.Err)
	case r.Status != 0:
		fmt.Fprintf(&b, ": answered %d", r.Status)
	default:
		b.WriteString(": not answered")
	}
	return b.String()
}

// envelope is an event as the standard envelope has it, and CloudEvents in structured
// mode, by the names that both have.
type envelope struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// read finds the event in a body.
func (r *Request) read(h http.Header, body []byte) {
	r.Type, r.Data, r.Batch = "", body, nil
	if binary := h.Get("Ce-Type"); binary != "" {
		r.Type = binary
		return
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		var batch []envelope
		if json.Unmarshal(body, &batch) != nil {
			return
		}
		for _, e := range batch {
			r.Batch = append(r.Batch, signer.Event(e))
		}
		return
	}
	var e envelope
	if json.Unmarshal(body, &e) == nil && e.Type != "" && e.Data != nil {
		r.Type, r.Data = e.Type, e.Data
	}
}
