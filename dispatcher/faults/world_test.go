package faults_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
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
}

// newWorld makes the file, and an endpoint for each behavior: the first one gets
// every event, the others those of a type of their own.
func newWorld(t *testing.T, seed uint64, behaviors ...behavior) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "webhooks.db"), ledger: newLedger()}
	w.receivers = newReceivers(t, w.ledger, seed, behaviors...)
	w.load = &load{ledger: w.ledger, seed: seed, clients: 8, pace: 20 * time.Millisecond, types: []string{"all.only"}}
	st, err := sqlite.Open(t.Context(), w.path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dispatcher.New(st, dispatcher.Config{
		AllowPlaintextSecrets: true,
		HTTP:                  transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
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
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	w.receivers.listen()
	return w
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
	a := &audit{ledger: w.ledger, store: st, slots: slots}
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
