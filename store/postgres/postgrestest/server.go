package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// closeTimeout bounds what a test's end waits for.
const closeTimeout = time.Minute

// Server is a PostgreSQL server. Its methods are safe for concurrent use, save
// that one caller at a time may Start, Stop or Kill it.
type Server struct {
	t       testing.TB // that it was given to
	cluster *cluster
	shared  bool
}

// Options of a server of a test's own.
type Options struct {
	// Dir is the folder to put the data in, such as a small file system whose
	// end is part of the test. As root, every user must be able to enter it.
	// Logs stay outside. A test process that is killed leaves the data there.
	// Defaults to the folder for temporary files.
	Dir string

	// Settings are lines of postgresql.conf, by name. They win over those of
	// this package, except for the address.
	Settings map[string]string
}

// New starts a server that only this test uses, and removes it with the test. The
// test fails if there is no server to be had, and is skipped under -short.
func New(t testing.TB, opt Options) *Server {
	t.Helper()
	skipShort(t)
	c, err := newCluster(opt)
	if err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Errorf("postgrestest: %v", err)
		}
	})
	return &Server{t: t, cluster: c}
}

// DSN returns the URL of the server, as pgxpool.ParseConfig takes it. It names a
// superuser, and stays the same from one start to the next. If the server is that
// of POSTRIDER_TEST_POSTGRES, it is what the variable holds.
func (s *Server) DSN() string { return s.cluster.dsn }

// PID returns the process id of the server's first process, or 0 if the server
// does not run or is not ours.
func (s *Server) PID() int {
	if p := s.cluster.running(); p != nil {
		return p.pid()
	}
	return 0
}

// Schema returns the name of a schema that does not exist yet, and drops it with
// the test. The name needs no quotes. A test that ends while a transaction still
// locks the schema fails.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		if err := s.cluster.drop(name); err != nil {
			t.Errorf("postgrestest: drop schema %s: %v", name, err)
		}
	})
	return name
}

// Pool returns a pool of connections to the server, and closes it with the test,
// which fails if it has not given back every connection by then.
func (s *Server) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), s.DSN())
	if err != nil {
		t.Fatalf("postgrestest: open pool: %v", err)
	}
	t.Cleanup(func() {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			pool.Close()
		}()
		select {
		case <-closed:
		case <-time.After(closeTimeout):
			t.Error("postgrestest: close pool: the test still holds a connection")
		}
	})
	return pool
}

// Alive reports whether the server runs, as far as this process can tell: it says
// true of one that somebody else runs.
func (s *Server) Alive() bool { return s.cluster.alive() }

// Start starts the server again, at the same address and with the same data, and
// returns when it accepts connections. It does nothing if the server runs.
func (s *Server) Start() error {
	if s.shared {
		return errShared
	}
	return s.cluster.start()
}

// Stop shuts the server down: transactions under way are rolled back, and all that
// was committed is in the data files. It returns when the server has ended; one
// that does not end in time is killed.
func (s *Server) Stop() {
	if s.mine("Stop") {
		s.cluster.stop()
	}
}

// Kill ends the server as a crash would: SIGKILL to the first process and to all
// that it has started. It returns when they are gone.
func (s *Server) Kill() {
	if s.mine("Kill") {
		s.cluster.kill()
	}
}

var errShared = errors.New("postgrestest: other tests use this server; want one of New")

// mine reports whether the test may end the server, and fails it if not.
func (s *Server) mine(what string) bool {
	s.t.Helper()
	if s.shared {
		s.t.Errorf("%s: %v", what, errShared)
	}
	return !s.shared
}

// drop drops a schema, unless it ended with the server. Who still uses it may lock its
// tables in another order; the server then ends one of the two, which may be us.
func (c *cluster) drop(schema string) error {
	if !c.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn)
	if err != nil {
		return err
	}
	const deadlock = "40P01"
	for {
		_, err = conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != deadlock {
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}
