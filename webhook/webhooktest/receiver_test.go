package webhooktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// quickly is an endpoint that is tried again at once.
var quickly = webhook.Endpoint{Tenant: "acme", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0, 0}}}

// newReceiver makes a receiver of a kind.
type newReceiver func(t testing.TB, script ...http.Handler) *webhooktest.Receiver

// Both kinds of receivers verify and record the same.
func bothKinds(t *testing.T, f func(t *testing.T, h *host, receiver newReceiver)) {
	t.Run("sockets", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, nil, dispatcher.Config{HTTP: webhooktest.Loopback()})
		f(t, h, webhooktest.NewReceiver)
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		n := new(webhooktest.Network)
		h := newHost(t, nil, dispatcher.Config{Transport: n})
		f(t, h, n.NewReceiver)
	})
}

func TestReceiverRecords(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, h *host, receiver newReceiver) {
		rc := receiver(t, webhooktest.Status(500), webhooktest.OK())
		ep := quickly
		ep.URL = rc.URL + "/hooks"
		rc.CreateEndpoint(h.manage, ep)
		h.run()
		before := time.Now()
		id := h.publish("invoice.paid", invoice{"inv_1", 4200})
		got := rc.WaitFor(2)
		for i, r := range got {
			var inv invoice
			err := json.Unmarshal(r.Data, &inv)
			if r.ID != id || r.Type != "invoice.paid" || err != nil || inv != (invoice{"inv_1", 4200}) || r.Attempt != i+1 ||
				r.Method != "POST" || r.Path != "/hooks" || r.Err != nil || r.Time.Before(before) ||
				r.Header.Get("Webhook-Id") != id || !strings.Contains(string(r.Body), `"type":"invoice.paid"`) {
				t.Errorf("request %d = %+v; want invoice.paid with id %s", i+1, r, id)
			}
		}
		if len(rc.Duplicates()) != 0 {
			t.Errorf("Duplicates = %v; want none: the first attempt was not accepted", rc.Duplicates())
		}
		if got[0].Status != 500 {
			t.Errorf("the first request was answered %d; want 500", got[0].Status)
		}
	})
}

// A receiver that was not told the secret takes nothing, and the test that waits for
// it learns why.
func TestReceiverVerifies(t *testing.T) {
	t.Parallel()
	bothKinds(t, func(t *testing.T, h *host, receiver newReceiver) {
		h.run()
		fake := &fakeTB{TB: t}
		create := func(rc *webhooktest.Receiver) string {
			ep := quickly
			ep.URL = rc.URL
			_, secret, err := h.manage.CreateEndpoint(t.Context(), ep)
			if err != nil {
				t.Fatal(err)
			}
			return secret.Reveal()
		}
		stranger := receiver(fake)
		create(stranger)
		h.publish("invoice.paid", 1)
		fake.wants(func() { stranger.WaitFor(1) }, "request 1 is not genuine", signer.ErrNoKey.Error(), "Trust", "invoice.paid")
		if got := stranger.Requests()[0]; !errors.Is(got.Err, signer.ErrNoKey) {
			t.Errorf("a request to a receiver without keys has Err %v; want ErrNoKey", got.Err)
		}

		mistaken := receiver(fake)
		wrong, err := signer.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		mistaken.Trust(wrong.Reveal())
		right := create(mistaken)
		h.publish("invoice.paid", 1)
		said := fake.wants(func() { mistaken.WaitFor(1) }, signer.ErrNoMatch.Error())
		if strings.Contains(said, right) || strings.Contains(said, wrong.Reveal()) {
			t.Errorf("the failure shows a secret: %s", said)
		}
		if got := mistaken.Requests()[0]; got.Status != 0 && got.Status != http.StatusUnauthorized {
			t.Errorf("a request that is not genuine was answered %d; want 401", got.Status)
		}

		later := receiver(t)
		later.Trust(create(later))
		h.publish("invoice.paid", 1)
		later.WaitFor(1)
	})
}

// Every scheme is verified that an endpoint can have, and batches are taken apart.
func TestReceiverVerifiesEveryScheme(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	h.run()
	for _, sig := range []webhook.Signature{
		{},
		{Scheme: webhook.SchemeV1a},
		{Scheme: webhook.SchemeGitHub},
		{Scheme: webhook.SchemeStripe},
		{Scheme: webhook.SchemeCustom, Header: "X-Acme", Prefix: "sha="},
	} {
		rc := n.NewReceiver(t)
		ep := rc.CreateEndpoint(h.manage, webhook.Endpoint{Tenant: "acme", Signature: sig})
		second, err := h.manage.RotateSecret(t.Context(), "acme", ep.ID, manage.Rotation{})
		if err != nil {
			t.Fatal(err)
		}
		rc.Trust(second.Reveal())
		h.publish("invoice.paid", 1)
		rc.WaitFor(1)
	}
}

func TestReceiverReadsEveryFormat(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	var all []*webhooktest.Receiver
	for _, format := range []webhook.Format{webhook.FormatStandard, webhook.FormatCloudEvents, webhook.FormatCloudEventsBinary, webhook.FormatRaw} {
		rc := n.NewReceiver(t)
		rc.CreateEndpoint(h.manage, webhook.Endpoint{Tenant: "acme", Format: format})
		all = append(all, rc)
	}
	batched := n.NewReceiver(t)
	batched.CreateEndpoint(h.manage, webhook.Endpoint{Tenant: "acme", Batch: webhook.Batch{MaxEvents: 2, MaxWait: time.Minute}})
	h.run()
	first, second := h.publish("invoice.paid", 1), h.publish("invoice.paid", 2)
	for i, rc := range all {
		want := "invoice.paid"
		if i == len(all)-1 {
			want = "" // raw
		}
		for _, r := range rc.WaitFor(2) {
			if r.Type != want || string(r.Data) != "1" && string(r.Data) != "2" {
				t.Errorf("format %d: type %q, data %s; want %q and 1 or 2", i, r.Type, r.Data, want)
			}
		}
	}
	r := batched.WaitFor(1)[0]
	data := map[string]string{}
	for _, ev := range r.Batch {
		data[ev.ID+" "+ev.Type] = string(ev.Data)
	}
	if len(data) != 2 || data[first+" invoice.paid"] != "1" || data[second+" invoice.paid"] != "2" {
		t.Errorf("batch = %+v; want %s with 1 and %s with 2", r.Batch, first, second)
	}
}

// A delivery that was accepted and comes again is a duplicate; retries are not.
func TestReceiverSeesDuplicates(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	rc := n.NewReceiver(t, webhooktest.Status(503), webhooktest.OK())
	rc.CreateEndpoint(h.manage, quickly)
	h.run()
	id := h.publish("invoice.paid", 1)
	rc.WaitFor(2)
	h.settled()
	deliveries, err := h.manage.FindDeliveries(t.Context(), "acme", manage.DeliveryQuery{}, store.Page{})
	if err != nil || len(deliveries.Items) != 1 {
		t.Fatalf("deliveries = %v, %v; want one", deliveries.Items, err)
	}
	if err := h.Redeliver(t.Context(), "acme", deliveries.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	rc.WaitFor(3)
	if again := rc.Duplicates(); len(again) != 1 || again[0].ID != id || again[0].Attempt != 3 {
		t.Errorf("Duplicates = %v; want the third request alone", again)
	}
}

// A test that waits for more than comes ends with a list of what came.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	rc := n.NewReceiver(t)
	rc.CreateEndpoint(h.manage, quickly)
	h.run()
	id := h.publish("invoice.paid", "secret thing")
	rc.WaitFor(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := rc.Wait(ctx, 2)
	if len(got) != 1 || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 2 requests") || !strings.Contains(err.Error(), id) ||
		strings.Contains(err.Error(), "secret thing") {
		t.Errorf("Wait(2) after one request = %v, %v; want it and an error that names it without its payload", got, err)
	}
}

// A host that makes endpoints prove whose they are can use the receiver all the same.
func TestReceiverAnswersChallenges(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n, OwnershipCheck: true})
	rc := n.NewReceiver(t)
	rc.CreateEndpoint(h.manage, webhook.Endpoint{Tenant: "acme"})
	if got := rc.Requests(); len(got) != 0 {
		t.Errorf("a challenge was recorded: %v; want only deliveries", got)
	}
}

func TestReceiverIsMisused(t *testing.T) {
	t.Parallel()
	n, fake := new(webhooktest.Network), &fakeTB{TB: t}
	rc := n.NewReceiver(fake)
	const short = "whsec_bm90IGEga2V5"
	if said := fake.wants(func() { rc.Trust(short) }, "Trust: key 1 of 1"); strings.Contains(said, short) {
		t.Errorf("the failure shows what was to be a secret: %s", said)
	}
	fake.wants(func() { rc.VerifyWith(signer.VerifierConfig{}) }, "VerifyWith")
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	fake.wants(func() { rc.CreateEndpoint(h.manage, webhook.Endpoint{URL: "ftp://receiver.example"}) }, "Endpoint must be a valid HTTPS URL")
	// The guard lets nobody on this machine who was not told Loopback.
	onLoopback := webhooktest.NewReceiver(fake)
	fake.wants(func() { onLoopback.CreateEndpoint(h.manage, webhook.Endpoint{}) }, "Endpoint address is not allowed")

	panics := n.NewReceiver(fake, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug of the test's") }))
	panics.CreateEndpoint(h.manage, quickly)
	h.run()
	fake.wants(func() {
		h.publish("invoice.paid", 1)
		panics.WaitFor(3)
		panics.Close()
	}, "a bug of the test's")
}
