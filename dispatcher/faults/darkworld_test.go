package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
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

// darkFigures are what a run with some dark endpoints measured.
type darkFigures struct {
	dark      int
	rate      float64 // of arrivals at each healthy endpoint, in a second
	p99       time.Duration
	late      int   // healthy ones that had not arrived at the end
	held      int64 // slots that dark ones held for a while, at most, once known
	peak      int64 // and at any time
	claims    time.Duration
	memory    int64
	published int
}

func (f darkFigures) String() string {
	return fmt.Sprintf("%d dark: %.2f/s at each healthy one, p99 %v, %d late; dark ones hold %d of %d slots (%d at first); claim p99 %v; %d MiB",
		f.dark, f.rate, f.p99.Round(100*time.Microsecond), f.late, f.held, darkSlots, f.peak, f.claims, f.memory>>20)
}

// run publishes so many events a second, to all endpoints in turn, and measures.
// From known on the dark ones are known to be, and what they hold counts. What the
// machine held up counts neither as theirs nor as late.
func (w *darkWorld) run(perSecond int, lasting, known time.Duration) darkFigures {
	w.t.Helper()
	p := start(w.t, w.cfg)
	began := time.Now()
	ctx, cancel := context.WithCancel(w.t.Context())
	var held, peak int64
	var watching sync.WaitGroup
	stalled := stallsIn(w.t)
	watching.Go(func() { held, peak = w.watch(ctx, func() bool { return time.Since(began) > known+stalled.sum() }) })
	f := darkFigures{dark: w.dark}
	f.published = w.publish(p, perSecond, began.Add(lasting))
	end := time.Now()
	w.await(f.published, 10*time.Second)
	cancel()
	watching.Wait()
	f.held, f.peak = held, peak
	f.rate, f.p99, f.late = w.healthy(f.published, end.Sub(began), end.Add(stalled.worst()))
	f.claims = time.Duration(p.must(order{Do: doClaims}).N) * time.Microsecond
	f.memory = p.must(order{Do: doMemory}).N
	p.kill() // what is due at dark endpoints would keep it
	return f
}

// publish publishes until a time and returns how many events there were. No call
// waits for another, and what a busy machine delays is made up for.
func (w *darkWorld) publish(p *process, perSecond int, until time.Time) int {
	var calls sync.WaitGroup
	published := 0
	for next := time.Now(); next.Before(until); next = next.Add(time.Second / time.Duration(perSecond)) {
		time.Sleep(time.Until(next))
		n := published
		published++
		calls.Go(func() {
			w.mu.Lock()
			w.called[n] = time.Now()
			w.mu.Unlock()
			i := n % darkEndpoints
			a, ok := p.call(order{Do: doPublish, Tenant: tenantOf(i), Type: typeOf(i), Data: fmt.Appendf(nil, `{"n":%d}`, n)})
			if !ok || a.Result != acknowledged {
				w.t.Errorf("publish = %q, %q; want it acknowledged", a.Result, a.Error)
			}
		})
	}
	calls.Wait()
	return published
}

// await waits until all that healthy endpoints were sent has arrived, for so long
// at most.
func (w *darkWorld) await(published int, most time.Duration) {
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		got := len(w.arrived)
		w.mu.Unlock()
		if got == w.expected(published) {
			return
		}
	}
}

// expected returns how many of the events are for healthy endpoints.
func (w *darkWorld) expected(published int) (n int) {
	for i := range published {
		if i%darkEndpoints >= w.dark {
			n++
		}
	}
	return n
}

// healthy returns the rate of arrivals at each healthy endpoint up to a time, and
// how long they took.
func (w *darkWorld) healthy(published int, in time.Duration, until time.Time) (rate float64, p99 time.Duration, late int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []time.Duration
	inTime := 0
	for n := range published {
		if n%darkEndpoints < w.dark {
			continue
		}
		at, ok := w.arrived[n]
		if !ok {
			late++
			took = append(took, time.Since(w.called[n]))
			continue
		}
		if !at.After(until) {
			inTime++
		}
		took = append(took, at.Sub(w.called[n]))
	}
	slices.Sort(took)
	return float64(inTime) / in.Seconds() / float64(darkEndpoints-w.dark), quantile(took, 0.99), late
}

// watch returns the most slots that dark endpoints held once they were known, for three
// samples of 100 ms at least, since a receiver hears of an end a moment late; and
// the most that they ever held.
func (w *darkWorld) watch(ctx context.Context, known func() bool) (most, peak int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last []int64
	for !errors.Is(ctx.Err(), context.Canceled) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most, peak
		}
		open := w.inHand.Load()
		peak = max(peak, open)
		if !known() {
			continue
		}
		if last = append(last, open); len(last) > 3 {
			last = last[1:]
		}
		if len(last) == 3 {
			most = max(most, slices.Min(last))
		}
	}
	return most, peak
}
