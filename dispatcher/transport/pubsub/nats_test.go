package pubsub_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"gocloud.dev/gcerrors"
	gopubsub "gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/postrider/postrider/dispatcher/transport/pubsub"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// natsTopic is a driver for subjects of NATS, as small as a driver can be: it publishes and
// waits until the server has got it.
type natsTopic struct {
	conn    *nats.Conn
	subject string
}

func (n natsTopic) SendBatch(ctx context.Context, messages []*driver.Message) error {
	for _, m := range messages {
		msg := &nats.Msg{Subject: n.subject, Data: m.Body, Header: nats.Header{}}
		for name, value := range m.Metadata {
			msg.Header.Set(name, value)
		}
		if err := n.conn.PublishMsg(msg); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return n.conn.FlushWithContext(ctx)
}
func (natsTopic) IsRetryable(error) bool  { return false }
func (natsTopic) As(any) bool             { return false }
func (natsTopic) ErrorAs(error, any) bool { return false }
func (natsTopic) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Unknown
}

func (n natsTopic) Close() error {
	n.conn.Close()
	return nil
}

// openSubject opens nats://host:port/subject.
func openSubject(_ context.Context, raw string) (*gopubsub.Topic, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect("nats://"+u.Host, nats.NoReconnect())
	if err != nil {
		return nil, err
	}
	return gopubsub.NewTopic(natsTopic{conn, u.Path[1:]}, nil), nil
}

// natsServer starts a server of NATS on a port of its own choice, or on one that it had before.
func natsServer(t *testing.T, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server of NATS did not start within a minute")
	}
	return s
}

// TestDeliversToABroker delivers to a real server: it is there, then it is down, and then
// it is there again, and nothing is lost.
func TestDeliversToABroker(t *testing.T) {
	t.Parallel()
	s := natsServer(t, server.RANDOM_PORT)
	address := s.Addr().String()
	port := s.Addr().(*net.TCPAddr).Port
	messages := make(chan *nats.Msg, 16)
	subscribe := func() {
		conn, err := nats.Connect("nats://" + address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		if _, err := conn.ChanSubscribe("orders", messages); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	subscribe()
	h := newHostOf(t, "nats", pubsub.Config{Open: openSubject, Allow: func(string, string) bool { return true }})
	_, secret, err := h.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: "acme", URL: "nats://" + address + "/orders",
		Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second, time.Second, 2 * time.Second, 5 * time.Second, 30 * time.Second}},
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	publish := func() string {
		t.Helper()
		r, err := h.Dispatcher().Publish(t.Context(), webhook.Event{Tenant: "acme", Type: "order.paid", Data: []byte(`{"total":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		return r.EventID
	}
	arrives := func(id string) {
		t.Helper()
		for {
			msg := <-messages // the test's deadline at the latest
			header := pubsub.Header(flat(msg.Header))
			if err := verifier.Verify(header, msg.Data); err != nil {
				t.Errorf("Verify = %v", err)
			}
			if header.Get(signer.HeaderID) == id {
				return
			}
		}
	}
	arrives(publish())

	s.Shutdown()
	s.WaitForShutdown()
	id := publish()
	h.fails(t, id)
	natsServer(t, port)
	subscribe()
	arrives(id)
}

// fails waits until an attempt at an event has failed, for want of a broker.
func (h *host) fails(t *testing.T, event string) {
	t.Helper()
	for {
		list, err := h.Deliveries(t.Context(), "acme", store.DeliveryFilter{Event: event}, store.Page{Limit: 1})
		if err != nil || len(list) != 1 {
			t.Fatalf("Deliveries = %v, %v; want one", list, err)
		}
		attempts, err := h.Attempts(t.Context(), "acme", list[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(attempts) == 0 {
			<-time.After(10 * time.Millisecond)
			continue
		}
		if c := attempts[0].Class; c != webhook.ClassConnect && c != webhook.ClassProtocol {
			t.Errorf("without a broker an attempt has class %s; want connect_error or protocol_error", c)
		}
		return
	}
}

func flat(h nats.Header) map[string]string {
	m := make(map[string]string, len(h))
	for name := range h {
		m[name] = h.Get(name)
	}
	return m
}
