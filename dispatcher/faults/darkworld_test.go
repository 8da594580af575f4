package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

const (
	darkEndpoints = 100
	darkTenants   = 10
	// darkSlots is so scarce that the dark ones could take them all.
	darkSlots = 128
	// servingTime is how long a healthy receiver takes.
	servingTime = 5 * time.Millisecond
)

// darkWorld is a hundred endpoints of ten tenants, of which some accept
// connections and never answer.
type darkWorld struct {
	t       *testing.T
	cfg     childConfig
	timeout time.Duration // of an attempt
	dark    int
	// unheard makes an address that takes no connection, if dark endpoints are to
	// be like that.
	unheard func() string
	exec    func(statement string) error // on the database, without a child
	// inHand counts the requests that dark receivers have.
	inHand atomic.Int64

	mu      sync.Mutex // guards what follows
	called  map[int]time.Time
	arrived map[int]time.Time // at healthy endpoints
	slowest time.Duration     // publish call
}

// newDarkWorld makes the endpoints, all of which have answered before, in a new
// database, and starts their receivers. The first of them are dark, with so many
// deliveries in all parked behind them.
func newDarkWorld(t *testing.T, database string, dark int, timeout time.Duration, backlog int) *darkWorld {
	t.Helper()
	w := &darkWorld{t: t, timeout: timeout, dark: dark}
	w.open(database, backlog)
	return w
}

func (w *darkWorld) open(database string, backlog int) {
	w.t.Helper()
	w.cfg.Slots = darkSlots
	w.called, w.arrived = map[int]time.Time{}, map[int]time.Time{}
	st, end := w.database(database)
	w.populate(st)
	if w.dark > 0 {
		w.seed(backlog)
	}
	end()
}

// database makes the database and returns a store on it, and what closes it.
func (w *darkWorld) database(name string) (store.Store, func()) {
	t := w.t
	t.Helper()
	if name == "SQLite" {
		w.cfg.Path = filepath.Join(t.TempDir(), "webhooks.db")
		st, err := sqlite.Open(t.Context(), w.cfg.Path)
		if err != nil {
			t.Fatal(err)
		}
		w.exec = func(statement string) error {
			_, err := st.DB().ExecContext(t.Context(), strings.ReplaceAll(statement, ":s.", "postrider_"))
			return err
		}
		return st, func() {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	server := postgrestest.Shared(t)
	pool := server.Pool(t)
	w.cfg.DSN, w.cfg.Schema = server.DSN(), server.Schema(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: w.cfg.Schema}); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), pool, postgres.Config{Schema: w.cfg.Schema})
	if err != nil {
		t.Fatal(err)
	}
	w.exec = func(statement string) error {
		_, err := pool.Exec(t.Context(), strings.ReplaceAll(statement, ":s.", w.cfg.Schema+"."))
		return err
	}
	return st, func() {}
}

func tenantOf(endpoint int) string { return fmt.Sprint("tenant", endpoint%darkTenants) }

func typeOf(endpoint int) string { return fmt.Sprint("own.", endpoint) }

func (w *darkWorld) populate(st store.Store) {
	t := w.t
	t.Helper()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: openGuard})
	if err != nil {
		t.Fatal(err)
	}
	for i := range darkEndpoints {
		if _, _, err := manage.New(d).CreateEndpoint(t.Context(), webhook.Endpoint{
			Tenant: tenantOf(i), URL: "http://" + w.receiver(i) + "/", EventTypes: []string{typeOf(i)},
			Timeout: w.timeout, AutoPauseAfter: -1,
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.must(fmt.Sprintf(`
		INSERT INTO :s.health (tenant, endpoint, failures, trips, last_success_at)
		SELECT tenant, id, 0, 0, %d FROM :s.endpoints WHERE true
		ON CONFLICT (tenant, endpoint) DO UPDATE SET last_success_at = excluded.last_success_at`, time.Now().UnixMicro()))
	for i := range w.dark { // what the backlog is copied from
		if _, err := d.Publish(t.Context(), webhook.Event{Tenant: tenantOf(i), Type: typeOf(i), Data: json.RawMessage(`{"n":-1}`)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *darkWorld) must(statement string) {
	w.t.Helper()
	if err := w.exec(statement); err != nil {
		w.t.Fatalf("%v in %s", err, statement)
	}
}

// seed parks rows deliveries, in all, behind the dark endpoints.
func (w *darkWorld) seed(rows int) {
	w.t.Helper()
	queue := "endpoint, event, owner, claims, due, attempts, base, crashes, started"
	if w.cfg.Path == "" {
		queue += ", created_at, updated_at"
	} else { // there a pending delivery is in the history too
		w.copies(rows, "deliveries", "id", "event, endpoint, status, attempts, claims, next_at, created_at, updated_at", "status = 'pending'", "")
	}
	w.copies(rows, "queue", "delivery", queue, "parked = 0", "1")
	w.must(`UPDATE :s.lanes SET next_at = 0 WHERE (tenant, endpoint) IN (SELECT tenant, endpoint FROM :s.queue)`)
}

// copies copies each row of a table that meets a condition, under new ids.
func (w *darkWorld) copies(rows int, table, id, columns, condition, parked string) {
	w.t.Helper()
	extra, values := "", ""
	if parked != "" { // queue rows have a place in the order too
		extra, values = ", seq, parked", ", i, "+parked
	}
	w.must(fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d),
		origin AS (SELECT q.*, row_number() OVER (ORDER BY %s) - 1 AS place FROM :s.%s q WHERE %s)
		INSERT INTO :s.%s (tenant, %s, %s%s)
		SELECT tenant, substr(%s, 1, 14) || (1000000000000000 + i), %s%s
		FROM n
		JOIN origin ON place = i %% %d`,
		rows, id, table, condition, table, id, columns, extra, id, columns, values, w.dark))
}

// receiver starts the receiver of an endpoint and returns its address.
func (w *darkWorld) receiver(i int) string {
	w.t.Helper()
	if i < w.dark && w.unheard != nil {
		return w.unheard()
	}
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var serving sync.WaitGroup
	if i < w.dark {
		serving.Go(func() { w.swallow(l) })
		w.t.Cleanup(func() {
			_ = l.Close() // nobody is waiting
			serving.Wait()
		})
		return l.Addr().String()
	}
	server := &http.Server{Handler: http.HandlerFunc(w.serve)}
	serving.Go(func() { _ = server.Serve(l) }) // until it is closed
	w.t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// swallow accepts connections and says nothing on them, ever.
func (w *darkWorld) swallow(l net.Listener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			w.inHand.Add(1)
			defer w.inHand.Add(-1)
			defer c.Close()
			_, _ = io.Copy(io.Discard, c) // until the sender gives up
		})
	}
}

func (w *darkWorld) serve(rw http.ResponseWriter, req *http.Request) {
	if !arrived(&w.mu, w.arrived, req) {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	time.Sleep(servingTime)
	rw.WriteHeader(http.StatusNoContent)
}

// arrived notes when the event that a request carries first came, by its number. It
// reports false if there is none.
func arrived(mu *sync.Mutex, first map[int]time.Time, req *http.Request) bool {
	n, err := numberOf(req)
	if err != nil {
		return false
	}
	mu.Lock()
	defer mu.Unlock()
	if first[n].IsZero() {
		first[n] = time.Now()
	}
	return true
}

// numberOf returns the number in the data of the event that a request carries.
func numberOf(req *http.Request) (int, error) {
	var envelope struct {
		Data struct {
			N int `json:"n"`
		} `json:"data"`
	}
	err := json.NewDecoder(req.Body).Decode(&envelope)
	return envelope.Data.N, err
}
