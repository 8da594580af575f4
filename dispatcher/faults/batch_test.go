package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// batchReceiver is a server that takes batches, verifies them and remembers each.
type batchReceiver struct {
	verifier *signer.Verifier

	mu       sync.Mutex
	findings []string            // what must not be
	bodies   map[string]string   // by batch
	members  map[string][]string // event ids, by batch
	batches  map[string]string   // the batch that each event came in
	again    int                 // requests with a batch that had come before
	fail     int                 // every so many requests are refused
	served   int
}

func (b *batchReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it died in the middle of the request
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.verifier.Verify(req.Header, body); err != nil {
		b.find("the signature of a batch: %v", err)
	}
	var envelopes []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &envelopes); err != nil {
		b.find("a batch is not an array: %v", err)
	}
	id := req.Header.Get("Webhook-Id")
	if old, seen := b.bodies[id]; !seen {
		b.bodies[id] = string(body)
		for _, e := range envelopes {
			b.members[id] = append(b.members[id], e.ID)
			if other := b.batches[e.ID]; other != "" {
				b.find("event %s came in batch %s and in batch %s", e.ID, other, id)
			}
			b.batches[e.ID] = id
		}
	} else {
		b.again++
		if old != string(body) {
			b.find("batch %s came again with another body: %d bytes, and %d before", id, len(body), len(old))
		}
	}
	if b.served++; b.fail > 0 && b.served%b.fail == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (b *batchReceiver) find(format string, args ...any) {
	b.findings = append(b.findings, fmt.Sprintf(format, args...))
}

func (b *batchReceiver) events() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.batches)
}

// TestFaultBatches kills a process that sends batches of 50, some of which are
// refused, another right after it has bound one, and lets a third finish: a batch
// that is sent again has the events that it had before, and each event is recorded
// once.
func TestFaultBatches(t *testing.T) {
	beside(t, none)
	t.Run("sqlite", func(t *testing.T) {
		beside(t, heavy)
		b := newBatches(t, childConfig{Path: t.TempDir() + "/webhooks.db", Slots: 64})
		b.run()
		b.report()
	})
	t.Run("postgres", func(t *testing.T) {
		beside(t, heavy)
		server := postgrestest.Shared(t)
		schema := server.Schema(t)
		if err := postgres.Migrate(t.Context(), server.Pool(t), postgres.Config{Schema: schema}); err != nil {
			t.Fatal(err)
		}
		b := newBatches(t, childConfig{DSN: server.DSN(), Schema: schema, Slots: 64, Lease: 2 * time.Second})
		b.pool = server.Pool(t)
		b.run()
		b.report()
	})
	t.Run("a store that binds nothing is found", func(t *testing.T) {
		beside(t, heavy)
		b := newBatches(t, childConfig{Path: t.TempDir() + "/webhooks.db", Slots: 64, Sabotage: looseBatches})
		b.run()
		if len(b.receiver.findings) == 0 {
			t.Error("nothing is found: the test proves nothing")
		}
	})
}

// batches is a run of TestFaultBatches.
type batches struct {
	t        *testing.T
	common   childConfig
	pool     *pgxpool.Pool // for PostgreSQL
	receiver *batchReceiver
	ledger   *ledger
	load     *load
	endpoint string
}

func newBatches(t *testing.T, common childConfig) *batches {
	l := newLedger()
	return &batches{
		t: t, common: common, ledger: l,
		receiver: &batchReceiver{bodies: map[string]string{}, members: map[string][]string{}, batches: map[string]string{}, fail: 10},
		load:     &load{ledger: l, seed: seedOf(t), clients: 64, types: []string{"a.b"}},
	}
}

// with opens the store in the parent for a while.
func (b *batches) with(do func(store.Store)) {
	b.t.Helper()
	if b.pool != nil {
		st, err := postgres.New(b.t.Context(), b.pool, postgres.Config{Schema: b.common.Schema})
		if err != nil {
			b.t.Fatal(err)
		}
		do(st)
		return
	}
	st, err := sqlite.Open(b.t.Context(), b.common.Path)
	if err != nil {
		b.t.Fatal(err)
	}
	do(st)
	if err := st.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// start starts a child.
func (b *batches) start(fail *failpoint) *process {
	b.t.Helper()
	cfg := b.common
	cfg.Life, cfg.Failpoint = b.ledger.begin(), fail
	return start(b.t, cfg)
}

func (b *batches) run() {
	t, rc := b.t, b.receiver
	t.Helper()
	server := httptest.NewServer(rc)
	t.Cleanup(server.Close)
	b.with(func(st store.Store) { b.create(st, server.URL) })
	events := 2000
	if long {
		events = 10_000
	}
	p := b.start(nil)
	published := make(chan struct{})
	go func() {
		defer close(published)
		b.load.publishN(p, events)
	}()
	for deadline := time.Now().Add(time.Minute); rc.events() < events/3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	p.kill()
	<-published
	b.ledger.end(p.life(), true)

	p = b.start(&failpoint{Call: "bind", After: true, Nth: 2})
	b.load.publishN(p, 200)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Error("a child that binds batches has not reached its failpoint")
	}
	p.kill()
	b.ledger.end(p.life(), true)

	p = b.start(nil)
	for pub := b.ledger.takeUnknown(); pub != nil; pub = b.ledger.takeUnknown() {
		b.load.publish(p, pub)
	}
	b.load.publishN(p, max(events-b.ledger.count(acknowledged), 0))
	if !p.settleDown(2 * time.Minute) {
		t.Fatal("deliveries are still pending two minutes after the kill")
	}
	p.stop()
	b.with(b.audit)
}

func (b *batches) create(st store.Store, url string) {
	t := b.t
	t.Helper()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	ep, secret, err := manage.New(d).CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: tenant, URL: url, AutoPauseAfter: -1,
		Batch: webhook.Batch{MaxEvents: 50, MaxWait: 50 * time.Millisecond},
		Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 2 * time.Second, MaxAttempts: 50},
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.receiver.verifier, err = signer.NewVerifier(secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	b.endpoint = ep.ID
}

// audit compares what the store says of deliveries with what arrived.
func (b *batches) audit(st store.Store) {
	rc, seen := b.receiver, map[string]bool{}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for after := ""; ; {
		page, err := st.ListDeliveries(b.t.Context(), tenant, store.DeliveryFilter{Endpoint: b.endpoint}, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, dl := range page {
			after = dl.ID
			switch {
			case seen[dl.EventID]:
				rc.find("event %s has two deliveries", dl.EventID)
			case dl.Status != webhook.DeliveryDelivered:
				rc.find("%s is %s (%s)", dl.ID, dl.Status, dl.Reason)
			case dl.BatchID == "" || dl.BatchID != rc.batches[dl.EventID]:
				rc.find("event %s came in batch %q and is recorded in %q", dl.EventID, rc.batches[dl.EventID], dl.BatchID)
			}
			seen[dl.EventID] = true
		}
		if len(page) < store.MaxPage {
			break
		}
	}
	if acked := b.ledger.count(acknowledged); len(seen) != acked || len(rc.batches) != acked {
		rc.find("%d events were acknowledged, %d are recorded and %d have arrived", acked, len(seen), len(rc.batches))
	}
	for id, members := range rc.members {
		if len(members) > 50 {
			rc.find("%s has %d events", id, len(members))
		}
	}
}

// report fails the test with what was found, and if nothing was put to the test.
func (b *batches) report() {
	rc := b.receiver
	for i, f := range rc.findings {
		if i == 20 {
			break
		}
		b.t.Error(f)
	}
	b.t.Logf("%d events in %d batches; %d requests were repeated", len(rc.batches), len(rc.bodies), rc.again)
	if rc.again == 0 || len(rc.batches) < 5*len(rc.bodies) {
		b.t.Errorf("%d events came in %d batches, of which %d again; want larger ones, and some again: else the test proves nothing",
			len(rc.batches), len(rc.bodies), rc.again)
	}
}
