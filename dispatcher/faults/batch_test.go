package faults_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

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
	t        *testing.T
	verifier *signer.Verifier

	mu      sync.Mutex
	bodies  map[string]string   // by batch
	members map[string][]string // event ids, by batch
	batches map[string]string   // the batch that each event came in
	again   int                 // requests with a batch that had come before
	fail    int                 // every so many requests are refused
	served  int
}

func (b *batchReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it died in the middle of the request
	}
	if err := b.verifier.Verify(req.Header, body); err != nil {
		b.t.Errorf("the signature of a batch: %v", err)
	}
	var envelopes []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &envelopes); err != nil {
		b.t.Errorf("a batch is not an array: %v", err)
	}
	id := req.Header.Get("Webhook-Id")
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, seen := b.bodies[id]; !seen {
		b.bodies[id] = string(body)
		for _, e := range envelopes {
			b.members[id] = append(b.members[id], e.ID)
			if other := b.batches[e.ID]; other != "" {
				b.t.Errorf("event %s came in batch %s and in batch %s", e.ID, other, id)
			}
			b.batches[e.ID] = id
		}
	} else {
		b.again++
		if old != string(body) {
			b.t.Errorf("batch %s came again with another body: %d bytes, and %d before", id, len(body), len(old))
		}
	}
	if b.served++; b.fail > 0 && b.served%b.fail == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (b *batchReceiver) events() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.batches)
}

// TestFaultBatches kills a process that sends batches of 50, some of which are
// refused, and lets another finish: a batch that is sent again has the events that
// it had before, and each event is recorded once.
func TestFaultBatches(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		path := t.TempDir() + "/webhooks.db"
		st, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }() // it was only read
		faultBatches(t, st, childConfig{Path: path, Slots: 64}, func() {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
		}, func() store.Store {
			if st, err = sqlite.Open(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			return st
		})
	})
	t.Run("postgres", func(t *testing.T) {
		server := postgrestest.Shared(t)
		schema := server.Schema(t)
		cfg := postgres.Config{Schema: schema}
		if err := postgres.Migrate(t.Context(), server.Pool(t), cfg); err != nil {
			t.Fatal(err)
		}
		st, err := postgres.New(t.Context(), server.Pool(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		child := childConfig{DSN: server.DSN(), Schema: schema, Slots: 64, Lease: 2 * time.Second}
		faultBatches(t, st, child, func() {}, func() store.Store { return st })
	})
}

func faultBatches(t *testing.T, st store.Store, cfg childConfig, release func(), reopen func() store.Store) {
	events := 2000
	if long {
		events = 10_000
	}
	rc := &batchReceiver{t: t, bodies: map[string]string{}, members: map[string][]string{}, batches: map[string]string{}, fail: 10}
	server := httptest.NewServer(rc)
	defer server.Close()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	ep, secret, err := manage.New(d).CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: tenant, URL: server.URL, AutoPauseAfter: -1,
		Batch: webhook.Batch{MaxEvents: 50, MaxWait: 50 * time.Millisecond},
		Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 2 * time.Second, MaxAttempts: 50},
	})
	if err != nil {
		t.Fatal(err)
	}
	if rc.verifier, err = signer.NewVerifier(secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	release()

	l := newLedger()
	ld := &load{ledger: l, seed: seedOf(t), clients: 64, types: []string{"a.b"}}
	cfg.Life = l.begin()
	p := start(t, cfg)
	published := make(chan struct{})
	go func() {
		defer close(published)
		ld.publishN(p, events)
	}()
	for deadline := time.Now().Add(time.Minute); rc.events() < events/3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	p.kill()
	<-published
	l.end(cfg.Life, true)
	arrived := rc.events()

	cfg.Life = l.begin()
	p = start(t, cfg)
	for pub := l.takeUnknown(); pub != nil; pub = l.takeUnknown() {
		ld.publish(p, pub)
	}
	ld.publishN(p, events-l.count(acknowledged))
	if !p.settleDown(2 * time.Minute) {
		t.Fatal("deliveries are still pending two minutes after the kill")
	}
	p.stop()
	auditBatches(t, reopen(), rc, ep.ID, l.count(acknowledged))
	t.Logf("%d events in %d batches, %d of them arrived before the kill, %d requests were repeated", len(rc.batches), len(rc.bodies), arrived, rc.again)
	if rc.again == 0 {
		t.Error("no batch was sent again: the test proves nothing")
	}
}

// auditBatches compares what the store says of deliveries with what arrived.
func auditBatches(t *testing.T, st store.Store, rc *batchReceiver, endpoint string, acked int) {
	t.Helper()
	seen := map[string]bool{}
	for after := ""; ; {
		page, err := st.ListDeliveries(t.Context(), tenant, store.DeliveryFilter{Endpoint: endpoint}, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, dl := range page {
			after = dl.ID
			switch {
			case seen[dl.EventID]:
				t.Errorf("event %s has two deliveries", dl.EventID)
			case dl.Status != webhook.DeliveryDelivered:
				t.Errorf("%s is %s (%s)", dl.ID, dl.Status, dl.Reason)
			case dl.BatchID == "" || dl.BatchID != rc.batches[dl.EventID]:
				t.Errorf("event %s came in batch %q and is recorded in %q", dl.EventID, rc.batches[dl.EventID], dl.BatchID)
			}
			seen[dl.EventID] = true
		}
		if len(page) < store.MaxPage {
			break
		}
	}
	if len(seen) != acked || len(rc.batches) != acked {
		t.Errorf("%d events were acknowledged, %d are recorded and %d have arrived", acked, len(seen), len(rc.batches))
	}
	sizes := 0
	for _, members := range rc.members {
		if len(members) > 50 {
			t.Errorf("a batch has %d events; want at most 50", len(members))
		}
		sizes += len(members)
	}
	if len(rc.members) > 0 && sizes/len(rc.members) < 5 {
		t.Errorf("batches have %d events on average; want events to go together", sizes/len(rc.members))
	}
}
