package faults_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
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

const (
	soakEndpoints = 100
	soakDark      = 10
)

// soakWorld is a database with a hundred endpoints: one for each hostile mode, ten that
// never answer, and healthy ones.
type soakWorld struct {
	t         *testing.T
	net       *hostileNet
	cfg       childConfig
	modes     []hostileMode // of the first endpoints
	endpoints []webhook.Endpoint
	open      func() (store.Store, func()) // for the parent
	// size returns the bytes that the database takes, without the keys that it remembers
	// for a day whatever the retention is.
	size func() int64

	mu      sync.Mutex // guards what follows
	members []*process // that take publish calls
	known   map[int]string
	bodies  map[string][sha256.Size]byte // by the id that arrived
	twice   int
	wrong   []string
}

func newSoakWorld(t *testing.T, database string) *soakWorld {
	t.Helper()
	w := &soakWorld{
		t: t, net: newHostileNet(t), modes: hostileModes, known: map[int]string{}, bodies: map[string][sha256.Size]byte{},
		cfg: childConfig{Slots: darkSlots, Lease: 5 * time.Second},
	}
	for range soakDark {
		w.modes = append(w.modes[:len(w.modes):len(w.modes)], hostileMode{
			name: "never answers", classes: classes(webhook.ClassTimeout),
			serve: func(_ *hostileNet, c net.Conn) { drain(c) }, // until the sender gives up
		})
	}
	if database == "SQLite" {
		w.onSQLite()
	} else {
		w.onPostgres()
	}
	w.populate()
	return w
}

// onSQLite prunes within the run, so that the file has to stay as it is.
func (w *soakWorld) onSQLite() {
	w.cfg.Path = filepath.Join(w.t.TempDir(), "webhooks.db")
	w.cfg.Retention = dispatcher.Retention{Payloads: soakRetention, Deliveries: soakRetention}
	w.open = func() (store.Store, func()) {
		st, err := sqlite.Open(w.t.Context(), w.cfg.Path)
		if err != nil {
			w.t.Fatal(err)
		}
		return st, func() { _ = st.Close() }
	}
	db, err := sql.Open("sqlite", sqlite.DSN(w.cfg.Path))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	w.size = func() int64 {
		return w.ask(db.QueryRowContext, `
			SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())
				- (SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE '%postrider_idempotency%')`)
	}
}

// onPostgres keeps everything: partitions are removed by the week.
func (w *soakWorld) onPostgres() {
	server := postgrestest.Shared(w.t)
	pool := server.Pool(w.t)
	w.cfg.DSN, w.cfg.Schema = server.DSN(), server.Schema(w.t)
	cfg := postgres.Config{Schema: w.cfg.Schema}
	if err := postgres.Migrate(w.t.Context(), pool, cfg); err != nil {
		w.t.Fatal(err)
	}
	w.open = func() (store.Store, func()) {
		st, err := postgres.New(w.t.Context(), pool, cfg)
		if err != nil {
			w.t.Fatal(err)
		}
		return st, func() {}
	}
	w.size = func() (bytes int64) {
		if err := pool.QueryRow(w.t.Context(), `
			SELECT sum(pg_total_relation_size(c.oid))
			FROM pg_class c
			WHERE c.relnamespace = $1::regnamespace
			AND c.relkind = 'r'`, w.cfg.Schema).Scan(&bytes); err != nil {
			w.t.Error(err)
		}
		return bytes
	}
}

// ask returns a number.
func (w *soakWorld) ask(query func(context.Context, string, ...any) *sql.Row, question string) (n int64) {
	if err := query(w.t.Context(), question).Scan(&n); err != nil {
		w.t.Error(err)
	}
	return n
}

func (w *soakWorld) populate() {
	w.t.Helper()
	st, end := w.open()
	defer end()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range soakEndpoints {
		ep := webhook.Endpoint{
			Tenant: tenant, EventTypes: []string{typeOf(i)}, Timeout: hostileTimeout, AutoPauseAfter: -1,
			Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second, 2 * time.Second}},
		}
		verify := func(http.Header, []byte) error { return nil }
		if i < len(w.modes) {
			if ep.URL = w.net.receiver(w.modes[i]); w.modes[i].secured {
				ep.TLS.Authorities = string(w.net.pem)
			}
		} else {
			ep.URL = w.net.healthy(func(req *http.Request) bool { return w.arrived(req, verify) })
			ep.Retry = webhook.RetryPolicy{}
		}
		ep, secret, err := manage.New(d).CreateEndpoint(w.t.Context(), ep)
		if err != nil {
			w.t.Fatal(err)
		}
		v, err := signer.NewVerifier(secret.Reveal())
		if err != nil {
			w.t.Fatal(err)
		}
		verify = v.Verify // before anything is sent
		w.endpoints = append(w.endpoints, ep)
	}
}

// arrived notes a request at a healthy endpoint.
func (w *soakWorld) arrived(req *http.Request, verify func(http.Header, []byte) error) bool {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return false // the sender died
	}
	id, hash := req.Header.Get(signer.HeaderID), sha256.Sum256(body)
	err = verify(req.Header, body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.bodies[id]; ok {
		if w.twice++; before != hash {
			w.wrong = append(w.wrong, id+" came with another body")
		}
	}
	w.bodies[id] = hash
	if err != nil {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %v", id, err))
	}
	return true
}

// enlist starts a child that takes publish calls.
func (w *soakWorld) enlist() *process {
	p := start(w.t, w.cfg)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = append(w.members, p)
	return p
}

// kill kills a child.
func (w *soakWorld) kill(p *process) {
	w.mu.Lock()
	for i, m := range w.members {
		if m == p {
			w.members = append(w.members[:i:i], w.members[i+1:]...)
			break
		}
	}
	w.mu.Unlock()
	p.kill()
}

func (w *soakWorld) member(n int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.members) == 0 {
		return nil
	}
	return w.members[n%len(w.members)]
}

// publish publishes event n, by whichever child answers, until it is acknowledged: the
// same key each time, since what a child that died had stored is not known.
func (w *soakWorld) publish(n int) {
	o := order{Do: doPublish, Type: typeOf(n % soakEndpoints), Key: fmt.Sprint("soak/", n), Data: fmt.Appendf(nil, `{"n":%d,"text":%q}`, n, strings.Repeat("x", 900))}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if p := w.member(n); p != nil {
			if a, ok := p.call(o); ok && a.Result == acknowledged {
				w.mu.Lock()
				w.known[n] = a.Receipt.EventID
				w.mu.Unlock()
				return
			}
		}
	}
	w.t.Errorf("event %d was not acknowledged for %v", n, startTimeout)
}

// missing returns how many acknowledged events have not arrived at healthy endpoints.
func (w *soakWorld) missing() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, id := range w.known {
		if _, ok := w.bodies[id]; !ok && i%soakEndpoints >= len(w.modes) {
			n++
		}
	}
	return n
}
