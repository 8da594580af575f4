package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/leaktest"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/webhook"
)

// watch sees to it that no test of the suite leaks what its hosts keep secret: at the
// end of each, all that is sealed in its database is opened, and looked for in what was
// logged, in what the hooks were told, in what was exported of traces and metrics, and in the raw database. Only the
// answers of creation and rotation, and requests to receivers, may have it.
type watch struct {
	mu sync.Mutex
	// said is what hosts logged and told, by the test.
	said map[string]*bytes.Buffer
	// opened is where the databases of a test are.
	opened map[string][]place
}

// place returns the raw bytes of a database by what they are of.
type place func(t testing.TB) map[string][]byte

var watched = watch{said: make(map[string]*bytes.Buffer), opened: make(map[string][]place)}

// opens notes a database that the test has opened.
func (w *watch) opens(t testing.TB, p place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened[t.Name()] = append(w.opened[t.Name()], p)
}

// say notes what a host of the test has said.
func (w *watch) say(test string, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said[test] == nil {
		w.said[test] = new(bytes.Buffer)
	}
	w.said[test].Write(b)
}

// mostSpans bounds the spans of a host that are listened to: those of the load tests are
// alike, and writing them down takes as long as making them.
const mostSpans = 500

// hears is an exporter that says what it gets.
type hears struct {
	w    *watch
	test string
	left atomic.Int64
}

func (h *hears) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	for _, s := range tracetest.SpanStubsFromReadOnlySpans(spans) {
		if h.left.Add(-1) < 0 {
			return nil
		}
		h.w.say(h.test, fmt.Appendf(nil, "%+v\n", s))
	}
	return nil
}

func (h *hears) Shutdown(context.Context) error { return nil }

// listenToTelemetry makes what a host exports heard: its spans, unless the test has an
// exporter of its own, and at the end of the test its metrics.
func (w *watch) listenToTelemetry(t testing.TB, cfg telemetry.Config) telemetry.Config {
	if cfg.TracerProvider == nil {
		h := &hears{w: w, test: t.Name()}
		h.left.Store(mostSpans)
		cfg.TracerProvider = trace.NewTracerProvider(trace.WithSyncer(h))
	}
	if cfg.MeterProvider == nil {
		reader := metric.NewManualReader()
		cfg.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
		w.opens(t, func(t testing.TB) map[string][]byte {
			var all metricdata.ResourceMetrics
			if err := reader.Collect(context.Background(), &all); err != nil {
				t.Errorf("Collect = %v; want nil", err)
			}
			return map[string][]byte{"the metrics": fmt.Appendf(nil, "%+v", all)}
		})
	}
	return cfg
}

// listen makes a configuration's logger, telemetry and hooks heard.
func (w *watch) listen(t testing.TB, cfg dispatcher.Config) dispatcher.Config {
	test := t.Name()
	enc := zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig())
	heard := zapcore.NewCore(enc, zapcore.AddSync(writerFunc(func(b []byte) { w.say(test, b) })), zap.DebugLevel)
	cfg.Logger = cfg.Logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return zapcore.NewTee(core, heard) }))
	cfg.Telemetry = w.listenToTelemetry(t, cfg.Telemetry)
	told := cfg.OnOperational
	cfg.OnOperational = func(ctx context.Context, op webhook.Operational) {
		w.say(test, fmt.Appendf(nil, "%v %+v\n", op, op))
		if told != nil {
			told(ctx, op)
		}
	}
	noticed := cfg.OnIncident
	cfg.OnIncident = func(ctx context.Context, inc webhook.Incident) {
		w.say(test, fmt.Appendf(nil, "%v %+v\n", inc, inc))
		if noticed != nil {
			noticed(ctx, inc)
		}
	}
	return cfg
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

// places returns everything of a test that must not have a secret in it.
func (w *watch) places(t testing.TB) map[string][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[string][]byte)
	if said := w.said[t.Name()]; said != nil {
		all["the log, the hooks and the traces"] = bytes.Clone(said.Bytes())
	}
	for _, p := range w.opened[t.Name()] {
		maps.Copy(all, p(t))
	}
	return all
}

// mostCanaries is how many secrets of a test are looked for: those of the load tests
// are alike, and their databases large.
const mostCanaries = 40

// check fails the test for each secret of a host that is where it must not be.
func (w *watch) check(h *host, sealer seal.Sealer) {
	canaries, err := leaktest.Sealed(context.Background(), h.Store(), sealer, mostCanaries)
	if err != nil {
		h.t.Logf("the test's secrets are not looked for: %v", err) // it has closed the database, or made it fail
		return
	}
	for _, leak := range leaktest.Find(canaries, w.places(h.t)) {
		h.t.Errorf("%s; want it nowhere but in the answer that gave it, and in requests", leak)
	}
}

// inFiles is the place of a SQLite database.
func inFiles(path string) place {
	return func(t testing.TB) map[string][]byte {
		names, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		files := make(map[string][]byte)
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil {
				files[filepath.Base(name)] = b
			}
		}
		return files
	}
}

// mostRows bounds what is read of a table.
const mostRows = 5000

// inSchema is the place of a PostgreSQL database: its rows as text, in which bytes
// are hexadecimal, and as bytes.
func inSchema(pool *pgxpool.Pool, schema string) place {
	return func(t testing.TB) map[string][]byte {
		ctx := context.Background()
		tables := make(map[string][]byte)
		rows, err := pool.Query(ctx, `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`, schema)
		if err != nil {
			return nil // the server or the pool is gone
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil
		}
		for _, name := range names {
			rows, err := pool.Query(ctx, `SELECT r::text FROM `+pgx.Identifier{schema, name}.Sanitize()+` r LIMIT $1`, mostRows)
			if err != nil {
				t.Errorf("read table %s: %v", name, err)
				continue
			}
			texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Errorf("read table %s: %v", name, err)
			}
			tables["table "+name] = []byte(strings.Join(texts, "\n"))
		}
		return tables
	}
}

// confession is a test whose failures are counted and not its own.
type confession struct {
	testing.TB
	errors []string
}

func (c *confession) Errorf(format string, args ...any) {
	c.errors = append(c.errors, fmt.Sprintf(format, args...))
}

// TestWatchFindsLeaks plants secrets where the suite must not have any.
func TestWatchFindsLeaks(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		c := &confession{TB: t}
		h := newHost(c, st, dispatcher.Config{Logger: zap.NewNop()})
		ep, secret := h.create(webhook.Endpoint{
			URL: "https://receiver.example/", Headers: map[string]string{"Authorization": "Bearer PLANTED-credential-5a1c"},
		})
		watched.check(h, keyring())
		if len(c.errors) > 0 {
			t.Fatalf("before anything is planted there is %q", c.errors)
		}
		h.Logger().Info("planted", zap.String("secret", secret))
		if _, err := h.manage.UpdateEndpoint(t.Context(), tenant, ep.ID, func(ep *webhook.Endpoint) error {
			ep.Description = "see PLANTED-credential-5a1c"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		watched.check(h, keyring())
		found := strings.Join(c.errors, "\n")
		inDatabase := "in webhooks.db"
		if _, ok := st.(*postgres.Store); ok {
			inDatabase = "in table endpoints"
		}
		for _, want := range []string{"secret sec_", "in the log, the hooks and the traces", "credential of ep_", inDatabase} {
			if !strings.Contains(found, want) {
				t.Errorf("planted secrets are found as %q; want %q among it", found, want)
			}
		}
	})
}
