package postgrestest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// variable holds the DSN of an existing server, with the right to create schemas.
const variable = "POSTRIDER_TEST_POSTGRES"

// What the tests of one binary have in common, each made at its first use.
var (
	shared  = sync.OnceValues(openShared)
	skipped atomic.Int64
	atEnd   endings
)

// Run runs the tests, then stops the servers, removes their files, and says how
// many tests were skipped. It returns the exit code, for TestMain.
func Run(m *testing.M) int {
	code := m.Run()
	atEnd.run()
	if n := skipped.Load(); n > 0 {
		fmt.Printf("postgrestest: %d tests skipped with -short\n", n)
	}
	return code
}

// Shared returns the server that all tests of this binary share, parallel ones
// too, and starts it if this is the first call. It is the one that the variable
// POSTRIDER_TEST_POSTGRES names, if it is set. The test fails if there is no
// server to be had, and is skipped under -short.
func Shared(t testing.TB) *Server {
	t.Helper()
	skipShort(t)
	c, err := shared()
	if err != nil {
		t.Fatalf("postgrestest: %v", err)
	}
	return &Server{t: t, cluster: c, shared: true}
}

// skipShort skips a test under -short, and counts it.
func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		skipped.Add(1)
		t.Skip("needs a PostgreSQL server, which -short does without")
	}
}

func openShared() (*cluster, error) {
	c, err := existing(os.Getenv(variable))
	if c == nil && err == nil {
		c, err = newCluster(Options{})
	}
	if err != nil {
		return nil, err
	}
	atEnd.add(c.remove)
	return c, nil
}

// existing returns a server that somebody else runs, or nil if dsn is empty.
func existing(dsn string) (*cluster, error) {
	if dsn == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect to the server of %s: %w", variable, err)
	}
	_ = conn.Close(ctx) // nothing was sent
	return &cluster{dsn: dsn}, nil
}

// endings are what Run does after the tests, the latest first.
type endings struct {
	mu  sync.Mutex
	all []func() error
}

func (e *endings) add(end func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, end)
}

func (e *endings) run() {
	e.mu.Lock()
	all := e.all
	e.all = nil
	e.mu.Unlock()
	for _, end := range slices.Backward(all) {
		if err := end(); err != nil {
			fmt.Fprintf(os.Stderr, "postgrestest: %v\n", err)
		}
	}
}
