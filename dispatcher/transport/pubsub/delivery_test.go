package pubsub_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	gopubsub "gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/pubsub"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// host is a dispatcher that may send to topics of the scheme mem, one for each tenant.
type host struct {
	*manage.Manager
	topic *gopubsub.Topic // of all tenants
}

// newHost runs a dispatcher until the test ends.
func newHost(t *testing.T) *host {
	t.Helper()
	topic := mempubsub.NewTopic()
	h := newHostOf(t, "mem", pubsub.Config{
		Open:  func(context.Context, string) (*gopubsub.Topic, error) { return topic, nil },
		Allow: func(tenant, url string) bool { return url == "mem://webhooks."+tenant },
	})
	h.topic = topic
	return h
}

// newHostOf is newHost for topics of another scheme.
func newHostOf(t *testing.T, scheme string, cfg pubsub.Config) *host {
	t.Helper()
	topics, err := pubsub.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		AllowPlaintextSecrets: true, Schemes: map[string]transport.Scheme{scheme: topics},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Manager: manage.New(d)}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := topics.Close(context.Background()); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	return h
}

// TestDelivery takes an event from Publish to a subscriber, who verifies it, and sends
// it again.
func TestDelivery(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	subscription := mempubsub.NewSubscription(h.topic, time.Minute)
	defer func() { _ = subscription.Shutdown(context.Background()) }()
	_, secret, err := h.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "acme", URL: "mem://webhooks.acme"})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	ev, err := webhook.NewEvent("acme", "invoice.paid", map[string]int{"cents": 4200})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := h.Dispatcher().Publish(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	receive := func() {
		t.Helper()
		m, err := subscription.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.Ack()
		if err := verifier.Verify(pubsub.Header(m.Metadata), m.Body); err != nil || m.Metadata["webhook-id"] != receipt.EventID {
			t.Errorf("Verify = %v of message %v; want nil, and id %s", err, m.Metadata, receipt.EventID)
		}
		m.Body[0] ^= 1
		if verifier.Verify(pubsub.Header(m.Metadata), m.Body) == nil {
			t.Error("Verify of a changed message = nil; want an error")
		}
	}
	receive()
	d := h.delivered(t, receipt.EventID)
	attempts, err := h.Attempts(t.Context(), "acme", d.ID)
	if err != nil || len(attempts) != 1 || attempts[0].StatusCode != http.StatusAccepted || attempts[0].Class != webhook.ClassNone {
		t.Errorf("Attempts = %+v, %v; want one with status 202", attempts, err)
	}
	if err := h.Redeliver(t.Context(), "acme", d.ID); err != nil {
		t.Fatal(err)
	}
	receive()
}

// delivered waits until an event's delivery is recorded as such.
func (h *host) delivered(t *testing.T, event string) webhook.Delivery {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); <-tick.C {
		got, err := h.Deliveries(t.Context(), "acme", store.DeliveryFilter{Event: event}, store.Page{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && got[0].Status == webhook.DeliveryDelivered {
			return got[0]
		}
	}
	t.Fatal("the delivery is not recorded")
	return webhook.Delivery{}
}

// Only what the host lets a tenant have is accepted, and nothing else than before.
func TestOtherURLsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for url, code := range map[string]string{
		"mem://webhooks.other":    webhook.CodeURLNotAllowed,
		"mem://webhooks.acme#x":   webhook.CodeURLInvalid,
		"mem://u:p@webhooks.acme": webhook.CodeURLInvalid,
		"nats://webhooks.acme":    webhook.CodeURLInvalid,
		"http://acme.example/":    webhook.CodeURLInvalid,
		"https://127.0.0.1/":      webhook.CodeURLNotAllowed,
	} {
		_, _, err := h.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "acme", URL: url})
		invalid, ok := errors.AsType[*webhook.InvalidError](err)
		if !ok || invalid.Fields[0].Field != "url" || string(invalid.Fields[0].Code) != code {
			t.Errorf("CreateEndpoint with %q = %v; want %s", url, err, code)
		}
	}
	_, _, err := h.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/",
		Auth: webhook.Auth{Type: webhook.AuthOAuth2, OAuth2: webhook.OAuth2{TokenURL: "mem://webhooks.acme", ClientID: "acme"}},
	})
	if _, ok := errors.AsType[*webhook.InvalidError](err); !ok {
		t.Errorf("CreateEndpoint with a topic for a token URL = %v; want an error about the field", err)
	}
}
