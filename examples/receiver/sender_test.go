package main

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// tenant is the customer of the sender that the receiver belongs to.
const tenant = "shop"

// sender is a dispatcher that runs until the test ends, in memory.
type sender struct {
	t *testing.T
	*dispatcher.Dispatcher
	manage *manage.Manager
}

func newSender(t *testing.T) *sender {
	t.Helper()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		AllowPlaintextSecrets: true,
		Logger:                zaptest.NewLogger(t),
		HTTP:                  transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	return &sender{t: t, Dispatcher: d, manage: manage.New(d)}
}

// connect creates an endpoint that is signed for with a secret.
func (s *sender) connect(ep webhook.Endpoint, secret signer.Secret) webhook.Endpoint {
	s.t.Helper()
	ep.Tenant = tenant
	ep, _, err := s.manage.ImportEndpoint(s.t.Context(), ep, secret.Reveal())
	if err != nil {
		s.t.Fatal(err)
	}
	return ep
}

// publish publishes an event and returns its one delivery.
func (s *sender) publish(eventType string, data any) webhook.Delivery {
	s.t.Helper()
	ev, err := webhook.NewEvent(tenant, eventType, data)
	if err != nil {
		s.t.Fatal(err)
	}
	receipt, err := s.Publish(s.t.Context(), ev)
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := s.manage.Deliveries(s.t.Context(), tenant, store.DeliveryFilter{Event: receipt.EventID}, store.Page{Limit: 2})
	if err != nil || len(got) != 1 {
		s.t.Fatalf("Deliveries = %v, %v; want one", got, err)
	}
	return got[0]
}

// await waits until a delivery has a status.
func (s *sender) await(d webhook.Delivery, status webhook.DeliveryStatus) {
	s.t.Helper()
	eventually(s.t, "delivery "+d.ID+" is not "+string(status), func() bool {
		got, err := s.manage.Delivery(s.t.Context(), tenant, d.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		return got.Status == status
	})
}

// deliver publishes an event and waits until the receiver has taken it.
func (s *sender) deliver(eventType string, data any) webhook.Delivery {
	s.t.Helper()
	d := s.publish(eventType, data)
	s.await(d, webhook.DeliveryDelivered)
	return d
}

// redeliver sends a delivery again and waits until the receiver has taken it.
func (s *sender) redeliver(d webhook.Delivery) {
	s.t.Helper()
	before := s.attempts(d)
	if err := s.manage.Redeliver(s.t.Context(), tenant, d.ID); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "delivery "+d.ID+" is not sent again", func() bool { return s.attempts(d) > before })
	s.await(d, webhook.DeliveryDelivered)
}

// attempts returns how often a delivery was sent.
func (s *sender) attempts(d webhook.Delivery) int {
	s.t.Helper()
	got, err := s.manage.Attempts(s.t.Context(), tenant, d.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(got)
}

// eventually waits until cond holds. The limit is for what hangs: a busy machine may
// take its time.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	const patience = 2 * time.Minute
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v: %s", patience, what)
		}
	}
}
