package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// Store implements store.Store over a pool of connections, which stays the
// host's. It is safe for concurrent use and needs no closing.
type Store struct {
	*sqlstore.Store
	pool      *pgxpool.Pool
	texts     *texts
	history   history
	announcer announcer
}

var _ store.Store = (*Store)(nil)

// Config of a Store.
type Config struct {
	// Schema is the schema that the tables are in: letters of lower case, digits
	// and underscores, at most 40. Nothing is expected of the search path.
	// Defaults to "postrider".
	Schema string
	// Pooler says that there is a pooler in transaction mode between the pool
	// and the server, such as PgBouncer. Statements are then sent in a way that
	// needs no state of a session, at the price of more round trips.
	// Defaults to false.
	Pooler bool
	// Announce tells other processes, by NOTIFY and at most once per batch, that
	// there is something to claim, so that they need not wait for their next
	// poll. It is for processes that publish without delivering; LISTEN does not
	// work through a pooler, so Announce and Pooler exclude each other.
	// Defaults to false: others poll, every eighth of a second to every second.
	Announce bool
	// AsyncCommit accepts a server or a role whose synchronous_commit is off.
	// Then a crash of the server may lose events that were acknowledged.
	// Defaults to false: New returns an error.
	AsyncCommit bool
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

func (c Config) withDefaults() (Config, error) {
	if c.Schema == "" {
		c.Schema = defaultSchema
	}
	if !schemaName.MatchString(c.Schema) || strings.HasPrefix(c.Schema, "pg_") {
		return c, fmt.Errorf("schema %q: want lower-case letters, digits and underscores, at most 40, no digit and no pg_ first", c.Schema)
	}
	if c.Announce && c.Pooler {
		return c, errors.New("Config.Announce needs LISTEN, which does not work through a pooler")
	}
	return c, nil
}

// errAsync is returned by New over a server that does not wait for the disk.
var errAsync = errors.New("synchronous_commit is off, so a commit promises nothing; turn it on, or set Config.AsyncCommit")

// New returns a store over a pool. It does not migrate: it returns
// sqlstore.ErrSchemaTooOld if Migrate is needed, store.ErrSchemaTooNew if the
// schema belongs to a newer version of the library, and store.ErrUnavailable if
// the database cannot be reached.
func New(ctx context.Context, pool *pgxpool.Pool, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if pool.Config().MaxConns < 2 {
		return nil, errors.New("open store: the pool must have two connections at least (MaxConns)")
	}
	s := &Store{pool: pool, texts: newTexts(cfg)}
	s.announcer = announcer{store: s, on: cfg.Announce, listening: make(chan struct{}, 1)}
	s.Store = sqlstore.New(database{s}, sqlstore.Dialect{
		SkipLocked: " FOR UPDATE SKIP LOCKED",
		Now:        databaseTime,
		Lock:       lockStatistics,
		Count:      count,
		Expire:     s.expire,
		Redeliver:  redeliverMany,
	})
	if err := s.check(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// reserved asks whether a word cannot be the name of a schema without quotes.
const reserved = `SELECT EXISTS (SELECT FROM pg_get_keywords() WHERE word = $1 AND catcode IN ('R', 'T'))`

func errReserved(schema string) error {
	return fmt.Errorf("schema %q: is a reserved word of SQL", schema)
}

// check finds out whether the database is what the store needs.
func (s *Store) check(ctx context.Context, cfg Config) error {
	var word bool
	if err := s.pool.QueryRow(ctx, reserved, s.texts.args([]any{cfg.Schema})...).Scan(&word); err != nil {
		return classify(err)
	}
	if word {
		return errReserved(cfg.Schema)
	}
	var commit string
	if err := s.pool.QueryRow(ctx, `SHOW synchronous_commit`, s.texts.args(nil)...).Scan(&commit); err != nil {
		return classify(err)
	}
	if commit == "off" && !cfg.AsyncCommit {
		return errAsync
	}
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	return classify(s.findPartitions(ctx, s.alone()))
}

// databaseTime returns the time that the server's clock tells, which leases and
// what is due go by.
func databaseTime(ctx context.Context, c sqlstore.Conn, _ time.Time) (time.Time, error) {
	var now time.Time
	err := c.Query(ctx, `SELECT postrider_now_us()`, nil, func(r sqlstore.Row) error { return r.Scan(&now) })
	return now, err
}

// lockStatistics keeps other transactions away from the statistics of a process.
func lockStatistics(ctx context.Context, c sqlstore.Conn, process int64) error {
	_, err := c.Exec(ctx, `SELECT pg_advisory_xact_lock('postrider_stats'::regclass::oid::int, ?::int)`, process)
	return err
}
