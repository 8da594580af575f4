package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CanarySubject is the subject of the events of Canary.
const CanarySubject = "canary-subject-0b7e"

// Canary stores events of tenant "acme" about CanarySubject, in every way in which
// something of a subject is kept, with others between them, and returns the bytes
// that tell them apart: they are in each of its subjects, payloads, metadata, keys,
// headers and bodies. It is for tests that erase the subject and look for them in
// what lies on the disk. The store must be empty, and by the clock of this process.
func Canary(t testing.TB, st store.Store) []byte {
	t.Helper()
	w := &canaryWorld{t: t, st: st, subjects: make(map[string]string)}
	for _, subject := range []string{"user/other", CanarySubject, "user/another", CanarySubject} {
		w.publish(subject)
		w.settle()
	}
	return []byte("canary-")
}

// canaryEvents is how many events each part of a Canary has: enough for pages to be
// split and copied.
const canaryEvents = 40

type canaryWorld struct {
	t        testing.TB
	st       store.Store
	epoch    int64
	endpoint string
	n        int
	subjects map[string]string // of deliveries
}

func (w *canaryWorld) must(err error, call string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s = error %v; want none", call, err)
	}
}

// mark is what is found again of a subject.
func mark(subject string, n int) string {
	if subject == CanarySubject {
		return fmt.Sprintf("canary-%d", n)
	}
	return fmt.Sprintf("nobody-%d", n)
}

func (w *canaryWorld) publish(subject string) {
	w.t.Helper()
	ctx, now := w.t.Context(), time.Now()
	if w.endpoint == "" {
		ep := webhook.Endpoint{ID: webhook.NewID(webhook.PrefixEndpoint), Tenant: acme, URL: "https://a.example", EventTypes: []string{"*"}}.WithDefaults()
		secret := store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: acme, Endpoint: ep.ID, Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Sealed: []byte("x"), CreatedAt: now}
		_, err := w.st.CreateEndpoint(ctx, now, store.EndpointRecord{Endpoint: ep}, secret, store.Creation{})
		w.must(err, "CreateEndpoint")
		w.endpoint = ep.ID
		w.epoch, err = w.st.Acquire(ctx, now, store.Process{}, time.Hour)
		w.must(err, "Acquire")
	}
	_, revision, err := w.st.TenantEndpoints(ctx, acme, 0)
	w.must(err, "TenantEndpoints")
	var pubs []store.Publication
	for i := range canaryEvents {
		w.n++
		m := mark(subject, w.n)
		p := store.Publication{
			Event: webhook.Event{
				ID: webhook.NewID(webhook.PrefixEvent), Tenant: acme, Type: "invoice.paid", Timestamp: now,
				Subject: subject, IdempotencyKey: m, OrderingKey: m, Metadata: map[string]string{"of": m},
				Data: fmt.Appendf(nil, "[%q,%q]", m, strings.Repeat(m, 1+i*i)),
			},
			ContentHash: []byte("hash"), KeyExpires: now.Add(time.Hour), Revision: revision,
			Deliveries: []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: w.endpoint, Ordered: i%2 == 1, Key: m}},
		}
		if i%2 == 0 {
			p.Deliveries[0].Key = ""
		}
		w.subjects[p.Deliveries[0].ID] = subject
		pubs = append(pubs, p)
	}
	results, err := w.st.Publish(ctx, now, pubs)
	w.must(err, "Publish")
	for _, r := range results {
		if r.Outcome != store.PublishStored {
			w.t.Fatalf("Publish: outcome %v; want it stored", r.Outcome)
		}
	}
}

// settle makes attempts of some of what is due: a third is delivered, a third has
// failed, and a third is to be tried again. The rest stays as it is, leased or not.
func (w *canaryWorld) settle() {
	w.t.Helper()
	ctx, now := w.t.Context(), time.Now()
	claimed, _, err := w.st.Poll(ctx, now.Add(time.Second), w.epoch, canaryEvents-8, func(store.Waiting) store.Admission {
		return store.Admission{Lease: true}
	})
	w.must(err, "Poll")
	if len(claimed) <= 8 {
		w.t.Fatalf("Poll = %d deliveries; want more", len(claimed))
	}
	s := store.Settlement{Epoch: w.epoch}
	for i, c := range claimed[8:] {
		m := mark(w.subjects[c.Delivery], i)
		it := store.Settled{
			Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: "invoice.paid", Claim: c.Claim, Status: webhook.DeliveryDelivered,
			Attempt: &webhook.Attempt{
				ID: webhook.NewID(webhook.PrefixAttempt), Tenant: c.Tenant, DeliveryID: c.Delivery, N: 1, At: now, StatusCode: 200,
				RequestHeaders: map[string]string{"X-Of": m}, ResponseHeaders: map[string]string{"X-Of": m},
				ResponseBody: bytes.Repeat([]byte(m), 10), RemoteAddr: "192.0.2.1:443",
			},
		}
		switch i % 3 {
		case 1:
			it.Status, it.Attempt.Class, it.Attempt.StatusCode = webhook.DeliveryFailed, webhook.ClassHTTPStatus, 400
			it.Block = c.Ordered
		case 2:
			it.Status, it.Due, it.Attempt.Class, it.Attempt.StatusCode = webhook.DeliveryPending, now.Add(time.Hour), webhook.ClassHTTPStatus, 500
		}
		s.Items = append(s.Items, it)
	}
	result, err := w.st.Settle(ctx, now, s)
	w.must(err, "Settle")
	if len(result.Lost) > 0 {
		w.t.Fatalf("Settle: %d lost; want none", len(result.Lost))
	}
}
