package faults_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// slots bounds the deliveries under way in a child, and so what a kill may cost.
const slots = 16

// world is all that outlives the children.
type world struct {
	t         *testing.T
	path      string // of the database file
	ledger    *ledger
	receivers *receivers
	load      *load
	// ordered says that the endpoints keep order.
	ordered bool
}

// newWorld makes the file, and an endpoint for each behavior: the first one gets
// every event, the others those of a type of their own.
func newWorld(t *testing.T, seed uint64, behaviors ...behavior) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "webhooks.db")}
	st, err := sqlite.Open(t.Context(), w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.populate(st, seed, behaviors...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// populate makes the endpoints in a store, and starts their receivers.
func (w *world) populate(st store.Store, seed uint64, behaviors ...behavior) {
	t := w.t
	t.Helper()
	w.ledger = newLedger()
	w.receivers = newReceivers(t, w.ledger, seed, behaviors...)
	w.load = &load{ledger: w.ledger, seed: seed, clients: 8, pace: 20 * time.Millisecond, types: []string{"all.only"}}
	d, err := dispatcher.New(st, dispatcher.Config{
		AllowPlaintextSecrets: true,
		HTTP:                  openGuard,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range w.receivers.all {
		ep := webhook.Endpoint{
			Tenant: tenant, URL: r.url(), Timeout: 5 * time.Second, AutoPauseAfter: -1,
			Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 5 * time.Second, MaxAttempts: 50},
		}
		if i > 0 {
			name := "own." + string(rune('a'+i))
			ep.EventTypes = []string{name}
			w.load.types = append(w.load.types, name)
		}
		created, secret, err := manage.New(d).CreateEndpoint(t.Context(), ep)
		if err != nil {
			t.Fatal(err)
		}
		r.endpoint = created
		if r.verifier, err = signer.NewVerifier(secret.Reveal()); err != nil {
			t.Fatal(err)
		}
		key, err := signer.ParseSecret(secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if r.patient, err = signer.NewVerifierWith(signer.VerifierConfig{
			Secrets: []signer.Secret{key}, Tolerance: 24 * time.Hour,
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.receivers.listen()
}

// audit compares the ledger with the store in the file at path, of which no
// process is left.
func (w *world) audit(path string) *audit {
	w.t.Helper()
	st, err := sqlite.Open(w.t.Context(), path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer st.Close()
	return w.auditStore(st)
}

// auditStore compares the ledger with a store that no child uses any more.
func (w *world) auditStore(st history) *audit {
	w.t.Helper()
	a := &audit{ledger: w.ledger, store: st, slots: slots, ordered: w.ordered}
	if w.ordered {
		a.slots = orderSlots
	}
	for _, r := range w.receivers.all {
		a.endpoints = append(a.endpoints, r.endpoint.ID)
	}
	if err := a.run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// report fails the test with what an audit found, if anything.
func (a *audit) report(t *testing.T) {
	t.Helper()
	for i, f := range a.findings {
		if i == 20 {
			t.Errorf("and %d more", len(a.findings)-i)
			break
		}
		t.Error(f)
	}
}
