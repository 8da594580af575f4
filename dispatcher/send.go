package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// redacted stands for what must not be kept.
const redacted = "***"

// exchange is one request and what came of it.
type exchange struct {
	answer
	at      time.Time
	attempt webhook.Attempt
}

// send makes one signed attempt and describes it. The attempt has no id, no
// delivery and no number yet. ctx bounds it beside the endpoint's timeout.
func (d *Dispatcher) send(ctx context.Context, r *route, msg *message, timeout time.Duration) (x exchange) {
	began := now()
	x.attempt.At = began.UTC().Truncate(time.Microsecond)
	header := r.header()
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("panic in an attempt", zap.String("event", msg.id), zap.String("endpoint", r.endpoint.ID),
				zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			x.answer = answer{class: webhook.ClassInternal}
		}
		x.at = now()
		x.attempt.Class = classify(x.answer)
		x.attempt.StatusCode = x.statusCode
		x.attempt.RequestHeaders = redactHeaders(header, r.endpoint.Headers)
		if x.attempt.Timings.Total == 0 {
			x.attempt.Timings.Total = x.at.Sub(began)
		}
	}()
	if err := sign(ctx, header, r, msg, began); err != nil {
		d.log.Error("sign a delivery", zap.String("endpoint", r.endpoint.ID), zap.Error(err))
		x.answer = answer{class: webhook.ClassInternal}
		return x
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := d.transport.Send(ctx, &transport.Request{URL: r.endpoint.URL, Header: header, Body: msg.body})
	if err != nil {
		x.failed(err)
		return x
	}
	x.responded(resp, r.endpoint.DiscardResponses)
	return x
}

// sign sets the headers of Standard Webhooks. The timestamp is the attempt's.
func sign(ctx context.Context, header http.Header, r *route, msg *message, at time.Time) error {
	var buf [2]signer.Signer
	signature, err := signer.Header(ctx, msg.id, at, msg.body, r.signersAt(at, buf[:0])...)
	if err != nil {
		return fmt.Errorf("sign event %s: %w", msg.id, err)
	}
	values := [5]string{"application/json", userAgent, msg.id, strconv.FormatInt(at.Unix(), 10), signature}
	header["Content-Type"] = values[0:1:1]
	header["User-Agent"] = values[1:2:2]
	header["Webhook-Id"] = values[2:3:3]
	header["Webhook-Timestamp"] = values[3:4:4]
	header["Webhook-Signature"] = values[4:5:5]
	return nil
}

func (x *exchange) failed(err error) {
	x.class = webhook.ClassInternal
	if failure, ok := errors.AsType[*transport.Error](err); ok {
		x.class = failure.Class
		x.attempt.RemoteAddr = failure.RemoteAddr
		x.attempt.Timings = failure.Timings
	}
}

func (x *exchange) responded(resp *transport.Response, discard bool) {
	x.statusCode, x.header = resp.StatusCode, resp.Header
	x.attempt.RemoteAddr = resp.RemoteAddr
	x.attempt.Timings = resp.Timings
	x.attempt.Truncated = resp.Truncated
	if discard {
		return
	}
	x.attempt.ResponseBody = resp.Body
	x.attempt.ResponseHeaders = make(map[string]string, len(resp.Header))
	for name, values := range resp.Header {
		if name == "Set-Cookie" {
			x.attempt.ResponseHeaders[name] = redacted
		} else if len(values) > 0 {
			x.attempt.ResponseHeaders[name] = values[0]
		}
	}
}

// redactHeaders returns the request headers as the attempt log keeps them. The
// signature is no secret: it is worth nothing without the body, and a receiver
// who looks for a fault needs it. Whatever the endpoint's owner has set may be a
// credential.
func redactHeaders(h http.Header, custom map[string]string) map[string]string {
	kept := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			kept[name] = values[0]
		}
	}
	for name := range custom {
		kept[http.CanonicalHeaderKey(name)] = redacted
	}
	return kept
}
