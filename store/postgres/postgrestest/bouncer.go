package postgrestest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// bouncer is the PgBouncer in front of a server, if anybody has asked for it.
type bouncer struct {
	once    sync.Once
	dir     string
	dsn     string
	process *process // nil unless it was started
	err     error    // why it was not
}

// Bouncer returns the URL of a PgBouncer in front of the server, and starts it if
// this is the first call. It gives out connections by the transaction, 20 for 500
// clients, and lives as long as the server's files, kills included. Statements
// that a client prepared may be unknown to the connection it gets next: with pgx,
// ask for an exec mode that does without. The database "pgbouncer" of the same
// address is its console, for everybody.
func (s *Server) Bouncer(t testing.TB) string {
	t.Helper()
	b := &s.cluster.bouncer
	b.once.Do(func() { b.err = b.start(s.DSN()) })
	if b.err != nil {
		t.Fatalf("postgrestest: %v", b.err)
	}
	return b.dsn
}

func (b *bouncer) start(server string) error {
	bin, err := locate(bouncerPrograms)
	if err != nil {
		return err
	}
	if b.dir, err = newDir(""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := b.launch(ctx, bin, server)
		if !errors.Is(err, errTaken) || ctx.Err() != nil {
			return err
		}
	}
}

// launch starts it once, at a port of its choice. It is ready when its console
// answers on its socket, which it opens after its port, or in spite of it.
func (b *bouncer) launch(ctx context.Context, bin, server string) error {
	port, err := freePort()
	if err != nil {
		return fmt.Errorf("start pgbouncer: %w", err)
	}
	ini := filepath.Join(b.dir, "pgbouncer.ini")
	if b.dsn, err = configureBouncer(ini, server, port); err != nil {
		return fmt.Errorf("configure pgbouncer: %w", err)
	}
	l, err := openLog(filepath.Join(b.dir, "pgbouncer.log"))
	if err != nil {
		return fmt.Errorf("start pgbouncer: %w", err)
	}
	defer l.close()
	p, err := spawn(exec.Command(filepath.Join(bin, "pgbouncer"), ini), l)
	if err != nil {
		return fmt.Errorf("start pgbouncer: %w", err)
	}
	err = p.await(ctx, address(b.dir, port, "pgbouncer"))
	said := l.tail()
	if isTaken(said) {
		err = errors.Join(errTaken, err)
	}
	if err != nil {
		p.crash()
		return fmt.Errorf("start pgbouncer: %w\n%s", err, said)
	}
	b.process = p
	return nil
}

// configureBouncer writes the settings of a PgBouncer at a port, and returns its
// URL. It logs in to the server as the user of the server's DSN, whoever comes.
func configureBouncer(path, server string, port int) (dsn string, err error) {
	cfg, err := pgx.ParseConfig(server)
	if err != nil {
		return "", err
	}
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	login := "user=" + quote(cfg.User)
	if cfg.Password != "" { // an empty one is a syntax error
		login += " password=" + quote(cfg.Password)
	}
	ini := fmt.Sprintf(`[databases]
* = host=%s port=%d %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`, quote(cfg.Host), cfg.Port, login, port, filepath.Dir(path))
	dsn = address("127.0.0.1", port, cmp.Or(cfg.Database, cfg.User))
	return dsn, errors.Join(os.WriteFile(path, []byte(ini), 0o600), giveToServers(path))
}

func (b *bouncer) stop() {
	if b.process != nil {
		b.process.crash()
	}
}
