package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/postrider/postrider/webhook"
)

// Get returns a document of at most MaxBodyRead bytes, such as the keys of who issues
// tokens. It is fetched as deliveries are sent: through the guard, without following a
// redirect, until ctx ends. Any status but 200, a document that is longer and one that
// breaks off are errors too; all have an *Error in their chain, and repeat nothing that
// was answered.
func (h *HTTP) Get(ctx context.Context, url string) ([]byte, error) {
	resp, err := h.send(ctx, &Request{URL: url, Method: http.MethodGet}, readWhole)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, &Error{Class: webhook.ClassHTTPStatus, Err: fmt.Errorf("status %d", resp.StatusCode), RemoteAddr: resp.RemoteAddr, Timings: resp.Timings}
	case resp.Truncated:
		return nil, &Error{Class: webhook.ClassProtocol, Err: errTooLong, RemoteAddr: resp.RemoteAddr, Timings: resp.Timings}
	}
	return resp.Body, nil
}

var errTooLong = errors.New("document is too long, or broke off")

// readWhole is a bodyReader that wants all of a body.
func readWhole(body io.Reader) (whole []byte, truncated bool, err error) {
	whole, err = io.ReadAll(io.LimitReader(body, MaxBodyRead+1))
	return whole, err != nil || len(whole) > MaxBodyRead, err
}
