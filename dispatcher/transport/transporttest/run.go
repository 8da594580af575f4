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
		run(t, c, open)
	}
}

// RunOneWay runs the checks that a transport without answers, such as one to a queue,
// can keep: what is asked of the connection and where it may go, an end before the
// beginning, and that neither requests nor errors give anything away. The receiver is
// shown what arrives, and its answer is lost.
func RunOneWay(t *testing.T, open Open) {
	for _, c := range checks {
		if c.oneWay {
			run(t, c, open)
		}
	}
}

func run(t *testing.T, c check, open Open) {
	t.Run(c.name, func(t *testing.T) {
		if err := c.run(func(receiver http.Handler) Harness { return open(t, receiver) }); err != nil {
			t.Error(err)
		}
	})
}

// check is one promise. It returns an error, rather than failing a test, so
// that the suite can be tried on transports that break it.
type check struct {
	name string
	run  func(open func(http.Handler) Harness) error
	// oneWay says that it is a promise of transports without answers too.
	oneWay bool
}

var checks = []check{
	{name: "RequestArrivesUnchanged", run: requestArrives},
	{name: "MethodDefaultsToPost", run: methodDefault},
	{name: "UserAgentIsNotGos", run: userAgent},
	{name: "RequestIsNotModified", run: requestNotModified, oneWay: true},
	{name: "ResponseComesBack", run: responseComesBack},
	{name: "EveryStatusIsAResponse", run: everyStatus},
	{name: "RedirectsAreNotFollowed", run: redirects},
	{name: "LocationIsCut", run: location},
	{name: "BodyIsCapped", run: bodyCap},
	{name: "EndlessBodyIsCut", run: endlessBody},
	{name: "HeaderIsCapped", run: headerCap},
	{name: "HugeHeaderIsAProtocolError", run: hugeHeader},
	{name: "NothingIsDecompressed", run: compression},
	{name: "BrokenBodyIsAResponse", run: brokenBody},
	{name: "DeadlineBeforeHeader", run: deadlineBeforeHeader},
	{name: "DeadlineInBody", run: deadlineInBody},
	{name: "Cancel", run: cancel},
	{name: "CanceledBefore", run: canceledBefore, oneWay: true},
	{name: "DroppedConnection", run: dropped},
	{name: "DroppedConnectionIsNotRepeated", run: notRepeated},
	{name: "ClosedConnectionIsReplaced", run: closedConnection},
	{name: "ErrorsHideQueries", run: errorsHideQueries, oneWay: true},
	{name: "TLSIsKept", run: tlsIsKept, oneWay: true},
	{name: "ScopeIsKept", run: scopeIsKept, oneWay: true},
	{name: "ConcurrentUse", run: concurrentUse},
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
