package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestPostgres(t *testing.T) {
	server := postgrestest.Shared(t)
	for _, tt := range []struct {
		name, args string
		processes  float64
	}{
		{"alone", "", 1},
		{"alone, transactions", "-tx", 1},
		{"alone, history and backlog", "-history 600 -backlog 600 -endpoints 4", 1},
		{"one child", "-publish-from parent", 1},
		{"two children", "-processes 2 -backlog 100", 2},
		{"two children that publish in transactions", "-processes 2 -publish-from children -tx -endpoints 6 -fanout 2", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := strings.Fields("-json -raw-time 0 -events 501 -publishers 16 -store " + server.DSN() + " " + tt.args)
			got := runJSON(t, args)
			arrived := 501.0
			if strings.Contains(tt.args, "-fanout 2") {
				arrived *= 2
			}
			for key, want := range map[string]any{"lost": 0.0, "duplicates": 0.0, "processes": tt.processes} {
				if got[key] != want {
					t.Errorf("%s = %v; want %v", key, got[key], want)
				}
			}
			if by, ok := got["delivered_by_process"].([]any); !ok || float64(len(by)) != tt.processes || sum(by) != arrived {
				t.Errorf("delivered_by_process = %v; want %v, of %v processes", got["delivered_by_process"], arrived, tt.processes)
			}
			if p50, ok := got["latency_p50_ms"].(float64); !ok || p50 <= 0 || p50 > 60_000 {
				t.Errorf("latency_p50_ms = %v; want what it may take", got["latency_p50_ms"])
			}
			if cpu, ok := got["cpu_server_s_per_10k"].(float64); server.PID() != 0 && runtime.GOOS == "linux" && (!ok || cpu <= 0) {
				t.Errorf("cpu_server_s_per_10k = %v; want more than 0", got["cpu_server_s_per_10k"])
			}
		})
	}
}

func sum(numbers []any) (total float64) {
	for _, n := range numbers {
		total += n.(float64)
	}
	return total
}

// TestSchemaEnds shows that a run leaves nothing on the server.
func TestSchemaEnds(t *testing.T) {
	server := postgrestest.Shared(t)
	db := newPostgres(t, server.DSN())
	exists := func() (there bool) {
		err := server.Pool(t).QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", db.name).Scan(&there)
		if err != nil {
			t.Fatal(err)
		}
		return there
	}
	if !exists() {
		t.Fatalf("there is no schema %s during the run", db.name)
	}
	if err := db.close(); err != nil || exists() {
		t.Errorf("close = %v, schema is there: %t; want nil and none", err, exists())
	}
}

// newPostgres makes a schema, which the test closes.
func newPostgres(t *testing.T, dsn string) *postgresSchema {
	t.Helper()
	db, err := createPostgres(t.Context(), config{store: dsn, processes: 2, publishers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return db.(*postgresSchema)
}

// TestServerCPU lets the server work, on a connection that stays and on one that
// ends, and wants to see both.
func TestServerCPU(t *testing.T) {
	pg := postgrestest.Shared(t)
	if pg.PID() == 0 || runtime.GOOS != "linux" {
		t.Skip("the server's processes cannot be seen from here")
	}
	pool := pg.Pool(t)
	s, err := findServer(t.Context(), pool)
	if err != nil || s.pid != pg.PID() {
		t.Fatalf("findServer = %+v, %v; want process %d", s, err, pg.PID())
	}
	other, err := pgxpool.New(t.Context(), pg.DSN())
	if err != nil {
		t.Fatal(err)
	}
	before := serverCPU(t, s)
	burn(t, pool)
	during := serverCPU(t, s)
	burn(t, other)
	other.Close()
	const least = 20 * time.Millisecond // of what burn takes
	// A process that has just ended may be nobody's for a moment.
	after := serverCPU(t, s)
	for deadline := time.Now().Add(time.Minute); after-during < least && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		after = serverCPU(t, s)
	}
	if during-before < least || after-during < least {
		t.Errorf("the server's CPU time grew by %v and %v; want at least %v each", during-before, after-during, least)
	}
}

func serverCPU(t *testing.T, s *server) time.Duration {
	t.Helper()
	cpu, err := s.cpu()
	if err != nil {
		t.Fatal(err)
	}
	return cpu
}

func burn(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM generate_series(1, 1000000)`).Scan(&n); err != nil {
		t.Fatal(err)
	}
}

func TestServerElsewhere(t *testing.T) {
	if _, err := (&server{}).cpu(); err == nil {
		t.Error("cpu of a server on another machine = nil; want an error")
	}
}

// TestUnreachable shows that what goes wrong is told without the password.
func TestUnreachable(t *testing.T) {
	for _, store := range []string{"postgres://me:s3cret@127.0.0.1:1/x", "postgres://me:s3cret@127.0.0.1:none/x"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"-raw-time", "0", "-store", store}, &stdout, &stderr)
		if code == 0 || stderr.Len() == 0 || strings.Contains(stderr.String(), "s3cret") {
			t.Errorf("run on %s = %d, %q; want an error without the password", store, code, &stderr)
		}
	}
	if got, want := withoutUser("postgres://me:s3cret@db:5432/x?password=s3cret"), "postgres://db:5432/x"; got != want {
		t.Errorf("the result shows %q; want %q", got, want)
	}
}
