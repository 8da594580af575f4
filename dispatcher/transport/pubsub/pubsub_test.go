package pubsub_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gocloud.dev/gcerrors"
	gopubsub "gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/pubsub"
	"github.com/postrider/postrider/dispatcher/transport/transporttest"
	"github.com/postrider/postrider/webhook"
)

// A subscriber of gocloud.dev/pubsub whose context ends while it receives leaves a
// goroutine behind (v0.47.0). Nothing but tests subscribes here.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gocloud.dev/pubsub.(*Subscription).Receive.func2"))
}

// opener opens topics, and counts.
type opener func(ctx context.Context, url string) (*gopubsub.Topic, error)

// newTopics returns a transport that is closed when the test ends.
func newTopics(t *testing.T, open opener, keep int) *pubsub.Topics {
	t.Helper()
	topics, err := pubsub.New(pubsub.Config{Open: open, Allow: func(string, string) bool { return true }, MaxTopics: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topics.Close(context.Background()); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	return topics
}

// only opens one topic, whatever the URL.
func only(topic *gopubsub.Topic) opener {
	return func(context.Context, string) (*gopubsub.Topic, error) { return topic, nil }
}

// broker is a driver whose sending is a function.
type broker func(ctx context.Context) error

func (b broker) SendBatch(ctx context.Context, _ []*driver.Message) error { return b(ctx) }
func (broker) IsRetryable(error) bool                                     { return false }
func (broker) As(any) bool                                                { return false }
func (broker) ErrorAs(error, any) bool                                    { return false }
func (broker) Close() error                                               { return nil }

// ErrorCode implements driver.Topic.
func (broker) ErrorCode(err error) gcerrors.ErrorCode {
	if c, ok := errors.AsType[coded](err); ok {
		return gcerrors.ErrorCode(c)
	}
	return gcerrors.Unknown
}

// coded is an error of a broker, with a text that must not be shown.
type coded gcerrors.ErrorCode

func (coded) Error() string { return "c4n4ry" }

func TestTransport(t *testing.T) {
	transporttest.RunOneWay(t, func(t *testing.T, receiver http.Handler) transporttest.Harness {
		topic := mempubsub.NewTopic()
		subscription := mempubsub.NewSubscription(topic, time.Minute)
		ctx, stop := context.WithCancel(context.Background())
		var forwarding sync.WaitGroup
		forwarding.Go(func() {
			for {
				m, err := subscription.Receive(ctx)
				if err != nil {
					return
				}
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(m.Body)))
				r.Header = pubsub.Header(m.Metadata)
				func() {
					defer func() { _ = recover() }() // a receiver that hangs up
					receiver.ServeHTTP(httptest.NewRecorder(), r)
				}()
				m.Ack()
			}
		})
		topics := newTopics(t, only(topic), 0)
		t.Cleanup(func() {
			stop()
			forwarding.Wait()
			_ = subscription.Shutdown(context.Background())
		})
		return transporttest.Harness{Transport: topics, URL: "mem://topic"}
	})
}

func TestMessageArrivesUnchanged(t *testing.T) {
	t.Parallel()
	topic := mempubsub.NewTopic()
	subscription := mempubsub.NewSubscription(topic, time.Minute)
	defer func() { _ = subscription.Shutdown(context.Background()) }()
	body := "{ \"a\" :\t1e400,\r\n\"\u00e9\":\"\\u0000\"}\xff"
	resp, err := newTopics(t, only(topic), 0).Send(t.Context(), &transport.Request{
		URL: "mem://topic", Body: []byte(body),
		Header: http.Header{"Webhook-Id": {"evt_1"}, "X-Two": {"a", "b"}, "X-Odd": {"a\xff"}},
	})
	if err != nil || resp.StatusCode != http.StatusAccepted || resp.Timings.Total <= 0 {
		t.Fatalf("Send = %+v, %v; want status 202, and how long it took", resp, err)
	}
	m, err := subscription.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Ack()
	if string(m.Body) != body {
		t.Errorf("the body arrived as %q; want %q", m.Body, body)
	}
	for name, want := range map[string]string{"webhook-id": "evt_1", "x-two": "a, b", "x-odd": "a\uFFFD"} {
		if got := m.Metadata[name]; got != want {
			t.Errorf("metadata %s = %q; want %q", name, got, want)
		}
	}
}

// What a broker's errors mean. Nothing of their texts is in ours.
func TestErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[gcerrors.ErrorCode]webhook.ErrorClass{
		gcerrors.Unknown:            webhook.ClassConnect,
		gcerrors.NotFound:           webhook.ClassConnect,
		gcerrors.Internal:           webhook.ClassConnect,
		gcerrors.FailedPrecondition: webhook.ClassConnect,
		gcerrors.PermissionDenied:   webhook.ClassAuth,
		gcerrors.InvalidArgument:    webhook.ClassProtocol,
		gcerrors.Unimplemented:      webhook.ClassProtocol,
		gcerrors.DeadlineExceeded:   webhook.ClassTimeout,
	} {
		refusing := gopubsub.NewTopic(broker(func(context.Context) error { return coded(code) }), nil)
		_, err := newTopics(t, only(refusing), 0).Send(t.Context(), &transport.Request{URL: "mem://topic"})
		wantClass(t, err, want)
	}
	full := gopubsub.NewTopic(broker(func(context.Context) error { return coded(gcerrors.ResourceExhausted) }), nil)
	resp, err := newTopics(t, only(full), 0).Send(t.Context(), &transport.Request{URL: "mem://topic"})
	if err != nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("Send to a broker without room = %+v, %v; want status 429", resp, err)
	}
}

func wantClass(t *testing.T, err error, class webhook.ErrorClass) {
	t.Helper()
	failure, ok := errors.AsType[*transport.Error](err)
	if !ok || failure.Class != class || strings.Contains(err.Error(), "c4n4ry") || failure.Timings.Total <= 0 {
		t.Errorf("Send = %v; want class %s, how long it took, and nothing of the broker's text", err, class)
	}
}

// A broker that does not answer, or a connection to it that is not made, is given up
// at the deadline, whatever the driver does.
func TestDeadline(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	silent := gopubsub.NewTopic(broker(func(context.Context) error { <-hang; return nil }), nil)
	unconnected := func(ctx context.Context, _ string) (*gopubsub.Topic, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, open := range map[string]opener{"silent": only(silent), "unconnected": unconnected} {
		topics := newTopics(t, open, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := topics.Send(ctx, &transport.Request{URL: "mem://topic"})
		cancel()
		t.Log(name)
		wantClass(t, err, webhook.ClassTimeout)

		ctx, cancel = context.WithCancel(t.Context())
		stopped := context.AfterFunc(ctx, func() {})
		time.AfterFunc(time.Millisecond, cancel)
		_, err = topics.Send(ctx, &transport.Request{URL: "mem://topic"})
		stopped()
		wantClass(t, err, webhook.ClassCanceled)
	}
	close(hang)
}

// All senders share one topic; one that cannot be opened is tried again.
func TestTopicsAreOpenedOnce(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	topics := newTopics(t, func(context.Context, string) (*gopubsub.Topic, error) {
		if opened.Add(1) == 1 {
			return nil, coded(gcerrors.PermissionDenied)
		}
		return mempubsub.NewTopic(), nil
	}, 0)
	req := &transport.Request{URL: "mem://topic"}
	_, err := topics.Send(t.Context(), req)
	wantClass(t, err, webhook.ClassConnect)
	var sending sync.WaitGroup
	for range 16 {
		sending.Go(func() {
			if _, err := topics.Send(t.Context(), req); err != nil {
				t.Errorf("Send = %v; want nil", err)
			}
		})
	}
	sending.Wait()
	if n := opened.Load(); n != 2 {
		t.Errorf("the topic was opened %d times; want 2, once without success", n)
	}
}

// closing is a topic's driver that says when it is closed.
type closing struct {
	broker
	closed func()
}

func (c closing) Close() error { c.closed(); return nil }

func TestIdleTopicsAreShutDown(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var closed []string
	topics := newTopics(t, func(_ context.Context, url string) (*gopubsub.Topic, error) {
		return gopubsub.NewTopic(closing{broker(func(context.Context) error { return nil }), func() {
			mu.Lock()
			defer mu.Unlock()
			closed = append(closed, url)
		}}, nil), nil
	}, 2)
	for _, url := range []string{"mem://a", "mem://b", "mem://a", "mem://c", "mem://d"} {
		if _, err := topics.Send(t.Context(), &transport.Request{URL: url}); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	got := strings.Join(closed, " ")
	mu.Unlock()
	if got != "mem://b mem://a" {
		t.Errorf("shut down: %s; want b and a, which were used longest ago", got)
	}
	if err := topics.Close(t.Context()); err != nil || len(closed) != 4 {
		t.Errorf("Close = %v, and %d of 4 topics are shut down", err, len(closed))
	}
	_, err := topics.Send(t.Context(), &transport.Request{URL: "mem://a"})
	wantClass(t, err, webhook.ClassInternal)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	open := only(nil)
	allow := func(string, string) bool { return true }
	for name, cfg := range map[string]pubsub.Config{
		"nothing":  {},
		"no Open":  {Allow: allow},
		"no Allow": {Open: open},
		"negative": {Open: open, Allow: allow, MaxTopics: -1},
	} {
		if _, err := pubsub.New(cfg); err == nil {
			t.Errorf("%s: New = nil; want an error", name)
		}
	}
	_, err := newTopics(t, open, 0).Send(t.Context(), &transport.Request{URL: "mem://topic"})
	wantClass(t, err, webhook.ClassConnect) // Open returned no topic
}
