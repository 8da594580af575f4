package postgres_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

var million = flag.Int("million", 0, "rows of history, and of parked backlog, for TestPlans; 1000000 takes minutes")

// planModes are what plan_cache_mode can be: plans for any arguments, which are kept,
// and plans for the very arguments.
var planModes = []string{"force_generic_plan", "force_custom_plan"}

// TestPlans runs everything over a large backlog and looks at how the server really
// ran each statement: as the store sends it, in the store's own transactions. It
// does so with plans and statistics of the time when the tables were empty, and with
// fresh ones.
func TestPlans(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.New(t, postgrestest.Options{Settings: map[string]string{
		"autovacuum":   "off", // plans and statistics change when the test says so
		"max_wal_size": "8GB", "shared_buffers": "256MB",
	}}))
	b := newBacklog(t, d)
	d.exec(t, `ANALYZE`)
	old := make(map[string]*explained)
	for _, mode := range planModes {
		old[mode] = explain(t, d, mode)
		old[mode].run(t, control)
	}
	b.fill(t, tiny)
	for _, mode := range planModes {
		old[mode].runAll(t, b)
	}
	b.fill(t, sizes())
	b.calm(t)
	b.wantTimes(t, idle(t))
	b.makeDue(t)
	large := d.largeTables(t)
	for _, mode := range planModes {
		t.Run("stale "+mode, func(t *testing.T) { old[mode].check(t, b, large, staleExcused) })
	}
	if got := old[planModes[0]].run(t, control); len(got[0].scans(large)) == 0 {
		t.Error("a plan of empty tables does no harm to any statement: the test would see nothing")
	}
	d.exec(t, `ANALYZE`)
	for _, mode := range planModes {
		t.Run("fresh "+mode, func(t *testing.T) { explain(t, d, mode).check(t, b, large, freshExcused) })
	}
	b.wantSoon(t)
	b.wantTimes(t, busy(t, b, acquire(t, d.open(t, nil))))
}

// largeTables returns the tables of the schema with so many rows that nobody must
// read all of them.
func (d *database) largeTables(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`, d.schema)
	must(t, err, "list tables")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err, "list tables")
	large := make(map[string]bool)
	for _, name := range names {
		large[name] = d.count(t, `SELECT count(*) FROM (SELECT FROM :s.`+name+` LIMIT 100) x`) == 100
	}
	for _, name := range []string{"queue", "lanes", "endpoints", "tenants", "secrets", "health", "idempotency", "audit", "incidents", "tokens", "creations"} {
		if !large[name] {
			t.Fatalf("table %s has less than 100 rows: its plans would prove nothing", name)
		}
	}
	return large
}

// explained is a process whose server tells how it ran each statement.
type explained struct {
	*process
	mu    sync.Mutex
	plans []plan
}

// explain opens a process that uses one connection, on which plans are kept.
func explain(t *testing.T, d *database, mode string) *explained {
	t.Helper()
	e := new(explained)
	e.process = d.open(t, func(cfg *pgxpool.Config) {
		cfg.MaxConns = 2 // of which calls one after the other need one
		cfg.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { e.note(n.Message) }
		cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.PgConn().Exec(ctx, `LOAD 'auto_explain';
				SET auto_explain.log_min_duration = 0; SET auto_explain.log_level = notice;
				SET auto_explain.log_format = json; SET auto_explain.log_analyze = on;
				SET auto_explain.log_buffers = on; SET auto_explain.log_timing = off;
				SET plan_cache_mode = `+mode).ReadAll()
			return err
		}
	})
	return e
}

// note keeps the plan in a notice of auto_explain, if it is one.
func (e *explained) note(message string) {
	_, text, found := strings.Cut(message, "plan:\n")
	if !found {
		return
	}
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		p = plan{Query: fmt.Sprintf("cannot read plan: %v\n%s", err, text), JIT: json.RawMessage(`{}`)}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plans = append(e.plans, p)
}

// run runs a step and returns how its statements were run.
func (e *explained) run(t *testing.T, s step) []plan {
	t.Helper()
	e.mu.Lock()
	e.plans = nil
	e.mu.Unlock()
	if err := s.run(e.process); err != nil {
		t.Fatalf("%s = %v", s.name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plans
}

func (e *explained) runAll(t *testing.T, b *backlog) {
	t.Helper()
	for _, s := range everything(t, b) {
		e.run(t, s)
	}
}

// Calls that are not the engine's daily work may read more than they need.
var (
	// The queue has no index by endpoint: what is pending of a tenant is read, unless
	// that is bounded (see History).
	freshExcused = regexp.MustCompile(`^list (of an endpoint|pending of an endpoint)$`)
	// While nothing is known of a partition, one index that begins with the tenant
	// is as good as another, which autovacuum ends within a minute. A process
	// resigns once, and reads all that it has ever owned since the last vacuum.
	staleExcused = regexp.MustCompile(`^(list |oldest |find |Delivery$|Redeliver|Resign$|Cancel, unblocking$)`)
)

// check runs everything and fails for each statement that reads more than it needs.
func (e *explained) check(t *testing.T, b *backlog, large map[string]bool, excused *regexp.Regexp) {
	t.Helper()
	seen := make(map[string]bool)
	for _, s := range everything(t, b) {
		plans := e.run(t, s)
		if len(plans) == 0 {
			t.Errorf("%s ran no statement that the server explained", s.name)
		}
		for _, p := range plans {
			text := strings.ReplaceAll(strings.Join(strings.Fields(p.Query), " "), b.d.schema+".", "")
			seen[text] = true
			if testing.Verbose() {
				t.Logf("%-28s %5.0f rows %5d pages  %.60s", s.name, p.Plan.examined(), p.Plan.pages(), text)
			}
			faults := p.scans(large)
			if !excused.MatchString(s.name) {
				faults = append(faults, p.excess(s.rows)...)
			}
			for _, fault := range faults {
				t.Errorf("%s: %s\n%.400s\n%s", s.name, fault, text, p.Plan.tree())
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d different statements were run; the test should run them all", len(seen))
	}
}

// plan is how a statement was run (EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)).
type plan struct {
	Query string `json:"Query Text"`
	Plan  node
	JIT   json.RawMessage
}

type node struct {
	Type      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Filtered  float64 `json:"Rows Removed by Filter"`
	Rechecked float64 `json:"Rows Removed by Index Recheck"`
	Hit       int     `json:"Shared Hit Blocks"`
	Read      int     `json:"Shared Read Blocks"`
	Plans     []node
}

// readsAll are the nodes that begin at one end of a table and go on to the other.
var readsAll = regexp.MustCompile(`^(Parallel )?(Seq|Tid Range|Sample) Scan$`)

// scans returns the large tables that are read from end to end, and whether that is
// expected to take so long that the plan is compiled.
func (p *plan) scans(large map[string]bool) []string {
	var faults []string
	p.Plan.walk(func(n *node) {
		if readsAll.MatchString(n.Type) && large[n.Relation] {
			faults = append(faults, n.Type+" on "+n.Relation)
		}
	})
	if p.JIT != nil {
		faults = append(faults, "compiled before it is run, which takes longer than to run it")
	}
	return faults
}

// excess returns what else is read that a call about so many rows need not read.
func (p *plan) excess(rows int) []string {
	var faults []string
	if got, most := p.Plan.examined(), float64(40+8*rows); got > most {
		faults = append(faults, fmt.Sprintf("%.0f rows looked at for %d; want at most %.0f", got, rows, most))
	}
	if got, most := p.Plan.pages(), 150+60*rows; got > most {
		faults = append(faults, fmt.Sprintf("%d pages read for %d rows; want at most %d", got, rows, most))
	}
	return faults
}

func (n *node) walk(each func(*node)) {
	each(n)
	for i := range n.Plans {
		n.Plans[i].walk(each)
	}
}

// examined returns how many rows were looked at in tables and indexes.
func (n *node) examined() (sum float64) {
	n.walk(func(n *node) {
		if strings.HasSuffix(n.Type, "Scan") && (n.Relation != "" || n.Index != "") {
			sum += (n.Rows + n.Filtered + n.Rechecked) * n.Loops
		}
	})
	return sum
}

// control is a statement that nothing keeps from the plan that it had when the
// tables were empty.
var control = step{"control", 1, func(p *process) error {
	_, err := p.pool.Exec(context.Background(), `SELECT count(*) FROM `+p.db.schema+`.queue WHERE tenant = $1 AND delivery = $2`, "acme", "dlv_1")
	return err
}}

func (n *node) pages() int { return n.Hit + n.Read }

// tree returns the nodes, each after the one that asks it for rows.
func (n *node) tree() string {
	text := fmt.Sprintf("%s %s %s %.0f rows × %.0f", n.Type, n.Relation, n.Index, n.Rows+n.Filtered+n.Rechecked, n.Loops)
	for i := range n.Plans {
		text += "\n" + n.Plans[i].tree()
	}
	return strings.ReplaceAll(text, "\n", "\n  ")
}

// step is a call of the store.
type step struct {
	name string
	// rows is how many rows of a table the call is about.
	rows int
	run  func(*process) error
}

// elapsed returns the shortest time that a call took in five tries.
func elapsed(t *testing.T, s step, p *process) time.Duration {
	t.Helper()
	var best time.Duration
	for range 5 {
		began := time.Now()
		if err := s.run(p); err != nil {
			t.Fatalf("%s = %v", s.name, err)
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return best
}
