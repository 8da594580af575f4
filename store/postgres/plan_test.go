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

// TestPlans runs everything over a large backlog and looks at how the server really
// ran each statement: as the store sends it, in the store's own transactions. It
// does so with plans that were made while the tables were empty, and with plans
// made after; with plans for any arguments, and with plans for the very arguments.
func TestPlans(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.New(t, postgrestest.Options{Settings: map[string]string{
		"autovacuum": "off", // plans and statistics change when the test says so
		"max_wal_size": "8GB", "shared_buffers": "256MB",
	}}))
	b := newBacklog(t, d)
	b.fill(t, tiny)
	d.exec(t, `ANALYZE`)
	modes := []string{"force_generic_plan", "force_custom_plan"}
	old := make(map[string]*explained)
	for _, mode := range modes {
		old[mode] = explain(t, d, mode)
		old[mode].runAll(t, b)
		// What happens to a statement that nothing keeps from it.
		old[mode].run(t, control)
	}
	b.fill(t, sizes())
	b.time(t, "idle", idleTimes)
	b.makeDue(t)
	busy := d.busyTables(t)
	for _, mode := range modes {
		t.Run("stale/"+mode, func(t *testing.T) {
			old[mode].check(t, b, busy)
			if got := old[mode].run(t, control); mode == "force_generic_plan" && len(got[0].faults(control, busy)) == 0 {
				t.Error("a plan of empty tables does no harm to any statement: the test would see nothing")
			}
		})
	}
	d.exec(t, `ANALYZE`)
	for _, mode := range modes {
		t.Run("fresh/"+mode, func(t *testing.T) { explain(t, d, mode).check(t, b, busy) })
	}
	b.time(t, "busy", busyTimes)
}

// busyTables returns the tables of the schema with so many rows that nobody must
// read all of them.
func (d *database) busyTables(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`, d.schema)
	must(t, err, "list tables")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err, "list tables")
	busy := make(map[string]bool)
	for _, name := range names {
		busy[name] = d.count(t, `SELECT count(*) FROM (SELECT FROM :s.`+name+` LIMIT 100) x`) == 100
	}
	for _, name := range []string{"queue", "lanes", "endpoints", "tenants", "secrets", "health", "idempotency"} {
		if !busy[name] {
			t.Fatalf("table %s has less than 100 rows: its plans would prove nothing", name)
		}
	}
	return busy
}

// explained is a process whose server tells how it ran each statement.
type explained struct {
	*process
	mu    sync.Mutex
	plans []plan
}

// explain opens a process with one connection, on which plans are kept.
func explain(t *testing.T, d *database, mode string) *explained {
	t.Helper()
	e := new(explained)
	e.process = d.open(t, func(cfg *pgxpool.Config) {
		cfg.MaxConns = 1
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

// check runs everything and fails for each statement that reads more than it needs.
func (e *explained) check(t *testing.T, b *backlog, busy map[string]bool) {
	t.Helper()
	seen := make(map[string]bool)
	for _, s := range everything(t, b) {
		plans := e.run(t, s)
		if len(plans) == 0 {
			t.Errorf("%s ran no statement that the server explained", s.name)
		}
		for _, p := range plans {
			seen[p.Query] = true
			t.Logf("%-32s %6.0f rows %6d pages  %.60s", s.name, p.Plan.examined(), p.Plan.Hit+p.Plan.Read, strings.Join(strings.Fields(p.Query), " "))
			for _, fault := range p.faults(s, busy) {
				t.Errorf("%s: %s\n%s", s.name, fault, p.Query)
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
	Type      string `json:"Node Type"`
	Relation  string `json:"Relation Name"`
	Index     string `json:"Index Name"`
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

// faults returns what is wrong with a plan.
func (p *plan) faults(s step, busy map[string]bool) []string {
	var faults []string
	p.Plan.walk(func(n *node) {
		if readsAll.MatchString(n.Type) && busy[n.Relation] {
			faults = append(faults, n.Type+" on "+n.Relation)
		}
	})
	if got, most := p.Plan.examined(), float64(40+8*s.rows); got > most {
		faults = append(faults, fmt.Sprintf("%.0f rows looked at for %d; want at most %.0f", got, s.rows, most))
	}
	if got, most := p.Plan.Hit+p.Plan.Read, 150+60*s.rows; got > most {
		faults = append(faults, fmt.Sprintf("%d pages read for %d rows; want at most %d", got, s.rows, most))
	}
	if p.JIT != nil {
		faults = append(faults, "compiled before it is run, which takes longer than to run it")
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
