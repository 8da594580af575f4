package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// Harness is a transport under test, and the URL at which it reaches the
// receiver that it was opened with.
type Harness struct {
	Transport transport.Transport
	// URL has no query.
	URL string
}

// Open returns a transport that reaches receiver, and cleans up with t.
type Open func(t *testing.T, receiver http.Handler) Harness

// Run runs every check against the transports that open returns, each as a
// subtest.
func Run(t *testing.T, open Open) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(func(receiver http.Handler) Harness { return open(t, receiver) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise. It returns an error, rather than failing a test, so
// that the suite can be tried on transports that break it.
type check struct {
	name string
	run  func(open func(http.Handler) Harness) error
}

var checks = []check{
	{"RequestArrivesUnchanged", requestArrives},
	{"MethodDefaultsToPost", methodDefault},
	{"UserAgentIsNotGos", userAgent},
	{"RequestIsNotModified", requestNotModified},
	{"ResponseComesBack", responseComesBack},
	{"EveryStatusIsAResponse", everyStatus},
	{"RedirectsAreNotFollowed", redirects},
	{"LocationIsCut", location},
	{"BodyIsCapped", bodyCap},
	{"EndlessBodyIsCut", endlessBody},
	{"HeaderIsCapped", headerCap},
	{"HugeHeaderIsAProtocolError", hugeHeader},
	{"NothingIsDecompressed", compression},
	{"BrokenBodyIsAResponse", brokenBody},
	{"DeadlineBeforeHeader", deadlineBeforeHeader},
	{"DeadlineInBody", deadlineInBody},
	{"Cancel", cancel},
	{"CanceledBefore", canceledBefore},
	{"DroppedConnection", dropped},
	{"DroppedConnectionIsNotRepeated", notRepeated},
	{"ClosedConnectionIsReplaced", closedConnection},
	{"ErrorsHideQueries", errorsHideQueries},
	{"TLSIsKept", tlsIsKept},
	{"ScopeIsKept", scopeIsKept},
	{"ConcurrentUse", concurrentUse},
}

// patience bounds what should take no time, and how late a deadline may be
// noticed. It is generous: the machine may be busy.
const patience = 10 * time.Second

// send sends one small request with a generous deadline.
func send(h Harness, req transport.Request) (*transport.Response, error) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if req.URL == "" {
		req.URL = h.URL
	}
	if req.Body == nil {
		req.Body = []byte(`{}`)
	}
	return h.Transport.Send(ctx, &req)
}

// wantClass returns an error unless err is an *Error of the class.
func wantClass(resp *transport.Response, err error, class webhook.ErrorClass) error {
	var e *transport.Error
	switch {
	case err == nil:
		return unkept("Send = status %d, nil; want an error of class %s", resp.StatusCode, class)
	case !errors.As(err, &e):
		return unkept("Send = %v (%T); want a *transport.Error: without a class the attempt cannot be judged", err, err)
	case e.Class != class:
		return unkept("Send = %v; want class %s", err, class)
	case resp != nil:
		return unkept("Send = a response and %v; want one of them", err)
	case e.Timings.Total <= 0:
		return unkept("Send = %v with Timings.Total %v; want how long it took", err, e.Timings.Total)
	}
	return nil
}

// say writes s. Whether the sender is still there is its own affair.
func say(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// drain reads to the end, whatever it is.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

// unkept describes a promise that was not kept, as a failing test would.
func unkept(format string, args ...any) error { return fmt.Errorf(format, args...) }

// within runs f and returns an error if it takes longer than limit.
func within(limit time.Duration, f func() error) error {
	start := time.Now()
	err := f()
	if took := time.Since(start); took > limit {
		return errors.Join(err, unkept("Send took %v; want at most %v: one receiver would hold a worker beyond its deadline", took, limit))
	}
	return err
}
