package webhooktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	// patience is how long a test waits by default for what a dispatcher does at
	// once: nothing on a machine takes as long, but what hangs.
	patience = time.Minute
	// bubblePatience is the same in virtual time, which costs nothing: more than the
	// default schedule of retries (75 h 35 m, and a fifth of it as jitter).
	bubblePatience = 100 * time.Hour
	// warning is how long before the test binary gives up a test does, to say why.
	warning = time.Second
)

// WaitFor waits until n requests have arrived and returns all that have. It fails the
// test if there are fewer after a minute (in a synctest bubble: after 100 hours of its
// time), or shortly before the test's deadline; and if one is not genuine.
func (rc *Receiver) WaitFor(n int) []Request {
	rc.t.Helper()
	ctx, cancel := patient(rc.t)
	defer cancel()
	requests, err := rc.Wait(ctx, n)
	if err != nil {
		rc.t.Fatalf("webhooktest: %v", err)
	}
	return requests
}

// Wait is WaitFor until ctx ends, for any goroutine: it returns what has arrived, and
// an error that says so if there are fewer than n, or if one is not genuine.
func (rc *Receiver) Wait(ctx context.Context, n int) ([]Request, error) {
	for {
		rc.mu.Lock()
		requests, more := rc.copied(), rc.arrived
		rc.mu.Unlock()
		if err := genuine(requests); err != nil || len(requests) >= n {
			return requests, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return requests, fmt.Errorf("%d of %d requests arrived at %s (%w)%s", len(requests), n, rc.URL, ctx.Err(), list(requests))
		}
	}
}

// genuine returns an error that tells of requests which are not.
func genuine(requests []Request) error {
	for i, r := range requests {
		if r.Err != nil {
			return fmt.Errorf("request %d is not genuine: %w; was the receiver given the endpoint's secret (Trust, CreateEndpoint)?%s", i+1, r.Err, list(requests))
		}
	}
	return nil
}

// list returns what there is, a line each.
func list[T any](items []T) string {
	var b strings.Builder
	for i, item := range items {
		fmt.Fprintf(&b, "\n  %d. %v", i+1, item)
	}
	return b.String()
}

var errHangs = errors.New("the test waited as long as it may")

// patient returns a context that ends when a test should not wait any longer.
func patient(t testing.TB) (context.Context, context.CancelFunc) {
	most := patience
	at, ok, bubble := deadline(t)
	switch {
	case bubble:
		most = bubblePatience
	case ok:
		most = min(most, time.Until(at)-warning)
	}
	return context.WithTimeoutCause(t.Context(), most, errHangs)
}
