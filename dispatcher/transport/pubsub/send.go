package pubsub

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

var (
	errScope = errors.New("pubsub: a topic has no address that lists could narrow")
	errTLS   = errors.New("pubsub: a topic takes no TLS settings")
	errTopic = errors.New("pubsub: topic cannot be opened")
	errSend  = errors.New("pubsub: message cannot be sent")
)

// Send implements transport.Transport; see the package documentation for what an answer
// is. A context without a deadline is given the longest that an endpoint can have,
// webhook.MaxTimeout.
func (t *Topics) Send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, webhook.MaxTimeout)
	defer cancel()
	err := t.send(ctx, req)
	took := max(time.Since(began), time.Nanosecond)
	if err == nil {
		return answer(http.StatusAccepted, took), nil
	}
	if gcerrors.Code(err) == gcerrors.ResourceExhausted {
		return answer(http.StatusTooManyRequests, took), nil
	}
	class, reason := classify(ctx, err)
	return nil, &transport.Error{Class: class, Err: reason, Timings: webhook.Timings{Total: took}}
}

func answer(status int, took time.Duration) *transport.Response {
	return &transport.Response{StatusCode: status, Header: http.Header{}, Timings: webhook.Timings{Total: took}}
}

func (t *Topics) send(ctx context.Context, req *transport.Request) error {
	if req.Scope != (guard.Scope{}) {
		return errScope
	}
	if req.TLS != nil {
		return errTLS
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o, err := t.acquire(ctx, req.URL)
	if err != nil {
		return err
	}
	defer t.release(o)
	err = o.topic.Send(ctx, &pubsub.Message{Body: req.Body, Metadata: metadata(req.Header)})
	if err != nil && ctx.Err() == nil && !aboutMessage(err) {
		t.giveUp(req.URL, o)
	}
	return err
}

// aboutMessage reports whether a broker has refused a message, and is there.
func aboutMessage(err error) bool {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.ResourceExhausted, gcerrors.PermissionDenied, gcerrors.InvalidArgument:
		return true
	}
	return false
}

// metadata returns headers as a message has them. What is not UTF-8, which HTTP lets
// pass and a message does not, is replaced.
func metadata(h http.Header) map[string]string {
	m := make(map[string]string, len(h))
	for name, values := range h {
		m[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	return m
}

// Header returns a message's metadata as the headers of a request, for a
// signer.Verifier.
func Header(metadata map[string]string) http.Header {
	h := make(http.Header, len(metadata))
	for name, value := range metadata {
		h.Set(name, value)
	}
	return h
}

// classify decides what an error means. The texts are ours: those of drivers may hold
// the URL with what is secret in it.
func classify(ctx context.Context, err error) (webhook.ErrorClass, error) {
	var unopened *openError
	switch {
	case errors.Is(err, errScope):
		return webhook.ClassBlockedAddress, guard.ErrBlocked
	case errors.Is(err, errTLS):
		return webhook.ClassTLS, errTLS
	case errors.Is(err, errClosed):
		return webhook.ClassInternal, errClosed
	case errors.Is(ctx.Err(), context.Canceled):
		return webhook.ClassCanceled, context.Canceled
	case ctx.Err() != nil:
		return webhook.ClassTimeout, context.DeadlineExceeded
	}
	reason := errSend
	if errors.As(err, &unopened) {
		reason = errTopic
	}
	switch gcerrors.Code(err) {
	case gcerrors.PermissionDenied:
		return webhook.ClassAuth, reason
	case gcerrors.InvalidArgument, gcerrors.Unimplemented:
		return webhook.ClassProtocol, reason
	case gcerrors.DeadlineExceeded:
		return webhook.ClassTimeout, reason
	}
	return webhook.ClassConnect, reason
}
