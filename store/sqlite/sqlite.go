package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	modernc "modernc.org/sqlite"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// Store implements store.Store over an SQLite file. Close it when it is no
// longer used.
type Store struct {
	*sqlstore.Store
	uri     string
	db      *sql.DB // the host's transactions
	ownsDB  bool
	writer  *writer
	readers *readers
	lease   lease
}

var _ store.Store = (*Store)(nil)

// Config of a Store.
type Config struct {
	// Readers is how many connections read at once. Defaults to 4.
	Readers int
}

// memories numbers the databases in memory of this process.
var memories atomic.Int64

// Open opens the file at path, makes it if there is none, and migrates it. The
// path ":memory:" is a database of the Store alone. It returns
// store.ErrSchemaTooNew if the file belongs to a newer version of the library,
// and store.ErrUnavailable if it cannot be opened.
func Open(ctx context.Context, path string) (*Store, error) {
	if path == ":memory:" {
		uri := fmt.Sprintf("file:/postrider-%d?vfs=memdb", memories.Add(1))
		return openAndMigrate(ctx, uri, "", uri+"&_txlock=immediate"+pragmas("busy_timeout(5000)", "foreign_keys(on)"))
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("open database: %w: %w", store.ErrUnavailable, err)
	}
	return openAndMigrate(ctx, fileURI(path), path, DSN(path))
}

// createPrivate makes an empty file that nobody else can read, if there is none:
// the database holds payloads. SQLite gives its journal files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func openAndMigrate(ctx context.Context, uri, path, hostDSN string) (*Store, error) {
	registered, err := sql.Open("sqlite", hostDSN) // connects to nothing
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer registered.Close()
	host := &hostConnector{dsn: hostDSN, driver: registered.Driver()}
	db := sql.OpenDB(host)
	s, err := open(ctx, db, uri, path, Config{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
	}
	host.writer = s.writer
	s.ownsDB = true
	if err := migrate(ctx, db, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// New returns a store on the file that a host's handle is open on. The handle
// must be of the driver modernc.org/sqlite, since two SQLite libraries in one
// process would break each other's locks. It stays the host's; the Store opens
// connections of its own. New does not migrate: it returns an error if Migrate
// is needed, and store.ErrSchemaTooNew if the file belongs to a newer version of
// the library.
func New(ctx context.Context, db *sql.DB, cfg Config) (*Store, error) {
	if _, ok := db.Driver().(*modernc.Driver); !ok {
		return nil, fmt.Errorf("open store: driver is %T; want that of modernc.org/sqlite", db.Driver())
	}
	path, err := databasePath(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := checkSchema(ctx, db); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s, err := open(ctx, db, fileURI(path), path, cfg)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, db *sql.DB, uri, path string, cfg Config) (*Store, error) {
	if cfg.Readers <= 0 {
		cfg.Readers = 4
	}
	c, err := openWriter(ctx, uri)
	if err != nil {
		return nil, err
	}
	s := &Store{uri: uri, db: db, writer: newWriter(c), readers: newReaders(readerDSN(uri), cfg.Readers)}
	s.writer.log.readers, s.writer.log.long = s.readers, logLong
	if path != "" {
		s.lease.path = path + "-lease"
		s.writer.log.path = path + "-wal"
	}
	s.Store = sqlstore.New(database{s}, sqlstore.Dialect{
		Exclusive: true,
		Index:     func(name string) string { return " INDEXED BY " + name },
	})
	return s, nil
}

// openWriter opens the connection that writes. The first to open a new file
// changes its mode, which others must wait for.
func openWriter(ctx context.Context, uri string) (*conn, error) {
	for {
		c, err := openConn(writerDSN(uri))
		if err == nil {
			// From now on the writer waits for the lock itself, where it can
			// hear its caller's context end.
			if _, err = c.Exec(ctx, `PRAGMA busy_timeout = 0`); err == nil {
				return c, nil
			}
			err = errors.Join(classify(err), c.close())
		}
		if !isBusy(err) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, gaveUp(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// database is how sqlstore runs transactions on a Store.
type database struct {
	store *Store
}

func (d database) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.store.writer.Write(ctx, fn)
}

func (d database) Read(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.store.readers.Read(ctx, fn)
}

// DB returns a handle on the same database for the host's own tables and
// transactions. It is the one that New was given, or else one that Close closes;
// transactions of the latter take turns with the Store's own writes, which no
// other handle can.
func (s *Store) DB() *sql.DB { return s.db }

// Close waits for the writes that have been called for, gives the right to
// deliver back without resigning anything, and closes the database. Later calls
// return store.ErrUnavailable.
func (s *Store) Close() error {
	errs := []error{s.writer.close(), s.readers.close(), s.lease.close()}
	if s.ownsDB {
		errs = append(errs, s.db.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
