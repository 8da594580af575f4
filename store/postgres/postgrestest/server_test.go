package postgrestest_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestSharedIsOneServerForAll(t *testing.T) {
	t.Parallel()
	first := postgrestest.Shared(t)
	for i := range 2 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := postgrestest.Shared(t)
			if s.PID() != first.PID() || s.DSN() != first.DSN() {
				t.Errorf("Shared = process %d, %s; want the first test's %d, %s", s.PID(), s.DSN(), first.PID(), first.DSN())
			}
			name := s.Schema(t)
			pool := s.Pool(t)
			// Both tests make tables of one name; the second would fail in
			// the schema of the first.
			mustExec(t, pool, "CREATE SCHEMA "+name)
			mustExec(t, pool, "CREATE TABLE "+name+".things (n int)")
		})
	}
}

func TestSharedIsNotForOneTestToEnd(t *testing.T) {
	t.Parallel()
	s := postgrestest.Shared(t)
	if err := s.Start(); err == nil {
		t.Error("Start of the shared server = nil; want an error: one test must not decide for all")
	}
}

func TestSchemaEndsWithItsTest(t *testing.T) {
	t.Parallel()
	s := postgrestest.Shared(t)
	pool := s.Pool(t)
	var name string
	t.Run("test", func(t *testing.T) {
		name = s.Schema(t)
		mustExec(t, pool, "CREATE SCHEMA "+name)
		mustExec(t, pool, "CREATE TABLE "+name+".things (n int)")
	})
	if n := one[int](t, pool, "SELECT count(*) FROM pg_namespace WHERE nspname = '"+name+"'"); n != 0 {
		t.Errorf("schema %s is still there after its test", name)
	}
}

func TestKilledServerKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := postgrestest.New(t, postgrestest.Options{})
	dsn, pid, pool := s.DSN(), s.PID(), s.Pool(t)
	mustExec(t, pool, "CREATE TABLE things (n int)")
	mustExec(t, pool, "INSERT INTO things VALUES (1)")
	s.Kill()
	if s.Alive() || s.PID() != 0 {
		t.Errorf("after Kill: Alive = %v, PID = %d; want false, 0", s.Alive(), s.PID())
	}
	if _, err := pool.Exec(t.Context(), "INSERT INTO things VALUES (2)"); err == nil {
		t.Error("INSERT into a killed server = nil; want an error")
	}
	restart(t, s)
	if s.DSN() != dsn || s.PID() == pid {
		t.Errorf("after Start: %s, process %d; want the same address %s, not the same process", s.DSN(), s.PID(), dsn)
	}
	if n := one[int](t, s.Pool(t), "SELECT sum(n) FROM things"); n != 1 {
		t.Errorf("sum of rows = %d after a kill; want 1, which was committed", n)
	}
	if log := one[string](t, s.Pool(t), "SELECT pg_read_file('../postgres.log')"); !strings.Contains(log, "not properly shut down") {
		t.Errorf("the server recovered from nothing: Kill was no crash\n%s", log)
	}
}

func TestStoppedServerStartsAgain(t *testing.T) {
	t.Parallel()
	s := postgrestest.New(t, postgrestest.Options{})
	mustExec(t, s.Pool(t), "CREATE TABLE things (n int)")
	s.Stop()
	if s.Alive() {
		t.Error("Alive after Stop = true; want false")
	}
	restart(t, s)
	if log := one[string](t, s.Pool(t), "SELECT pg_read_file('../postgres.log')"); strings.Contains(log, "not properly shut down") {
		t.Errorf("the server had to recover: Stop was a crash\n%s", log)
	}
	mustExec(t, s.Pool(t), "SELECT n FROM things")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	dir := passable(t)
	s := postgrestest.New(t, postgrestest.Options{
		Dir:      dir,
		Settings: map[string]string{"work_mem": "5MB", "application_name": `it's a \ test`, "port": "1"},
	})
	pool := s.Pool(t)
	for name, want := range map[string]string{
		"work_mem": "5MB", "application_name": `it's a \ test`,
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "200",
		"shared_buffers": "128MB", "listen_addresses": "127.0.0.1", "server_encoding": "UTF8", "lc_collate": "C",
	} {
		if got := one[string](t, pool, "SELECT current_setting('"+name+"')"); got != want {
			t.Errorf("setting %s = %q; want %q", name, got, want)
		}
	}
	if data := one[string](t, pool, "SHOW data_directory"); filepath.Dir(data) != dir {
		t.Errorf("data_directory = %s; want it in %s", data, dir)
	}
}

func restart(t *testing.T, s *postgrestest.Server) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

func mustExec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// one returns the one value of a query's one row.
func one[T any](t *testing.T, pool *pgxpool.Pool, sql string) T {
	t.Helper()
	var v T
	if err := pool.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
