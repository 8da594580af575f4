package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// versionTable records which migrations were applied. It is not goose's own
// table, which may be the host's.
const versionTable = "migrations"

// Migrations returns the numbered migrations for a schema, for hosts that apply
// them with a tool of their own. Their record is the schema's table migrations.
// The schema itself must exist.
func Migrations(schema string) (fs.FS, error) {
	cfg, err := Config{Schema: schema}.withDefaults()
	if err != nil {
		return nil, err
	}
	files, err := sqlstore.Migrations("postgres")
	if err != nil {
		return nil, err
	}
	t := newTexts(cfg)
	return mapFiles(files, t.inSchema)
}

// mapFiles returns files with their contents changed.
func mapFiles(files fs.FS, change func(string) string) (fs.FS, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	changed := make(fstest.MapFS, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		changed[path.Base(name)] = &fstest.MapFile{Data: []byte(change(string(text))), Mode: 0o444}
	}
	return changed, nil
}

// Migrate makes the schema if there is none, brings it to the state that this
// library needs and makes the partitions of the coming weeks. It returns
// store.ErrSchemaTooNew, and changes nothing, if the schema is ahead. Processes
// may migrate at once, also through a pooler: one waits until ctx ends for the
// other. It uses connections of its own, with the pool's configuration.
func Migrate(ctx context.Context, pool *pgxpool.Pool, cfg Config) error {
	if err := migrate(ctx, pool, cfg); err != nil {
		return fmt.Errorf("migrate: %w", classify(err))
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, cfg Config) (err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return err
	}
	files, err := Migrations(cfg.Schema)
	if err != nil {
		return err
	}
	connection, err := connConfig(ctx, pool)
	if err != nil {
		return err
	}
	if cfg.Pooler {
		connection.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	lock, err := pgx.ConnectConfig(ctx, connection)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close(context.WithoutCancel(ctx))) }()
	// A lock of a transaction survives a pooler, a session's would not.
	tx, err := lock.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, lockMaintenance, "postrider migrate "+cfg.Schema); err != nil {
		return err
	}
	db := stdlib.OpenDB(*connection)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := makeSchema(ctx, db, cfg.Schema); err != nil {
		return err
	}
	if err := sqlstore.Migrate(ctx, db, goose.DialectPostgres, cfg.Schema+"."+versionTable, files); err != nil {
		return err
	}
	s := &Store{pool: pool, texts: newTexts(cfg)}
	if err := s.makePartitions(ctx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// connConfig returns how the pool connects, for a connection beside it. A password
// that changes from time to time is set by the pool's BeforeConnect.
func connConfig(ctx context.Context, pool *pgxpool.Pool) (*pgx.ConnConfig, error) {
	cfg := pool.Config()
	c := cfg.ConnConfig.Copy()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// makeSchema makes the schema unless it is there, which a role needs fewer rights
// for.
func makeSchema(ctx context.Context, db *sql.DB, schema string) error {
	var word, there bool
	if err := db.QueryRowContext(ctx, reserved, schema).Scan(&word); err != nil {
		return err
	}
	if word {
		return errReserved(schema)
	}
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&there); err != nil || there {
		return err
	}
	_, err := db.ExecContext(ctx, `CREATE SCHEMA `+schema)
	return err
}

// checkSchema returns nil if the database has the schema of this library.
func (s *Store) checkSchema(ctx context.Context) error {
	var version int64
	err := s.query(ctx, `SELECT coalesce(max(version_id), 0) FROM postrider.migrations WHERE is_applied`, nil,
		func(r row) error { return r.Scan(&version) })
	switch code(err) {
	case "":
	case codeUndefinedTable, codeUndefinedSchema:
		return sqlstore.ErrSchemaTooOld
	}
	if err != nil {
		return classify(err)
	}
	newest, err := newestMigration()
	switch {
	case err != nil:
		return err
	case version < newest:
		return sqlstore.ErrSchemaTooOld
	case version > newest:
		return fmt.Errorf("version %d, newest known %d: %w", version, newest, store.ErrSchemaTooNew)
	}
	return nil
}

// newestMigration returns the number of the last migration of this library.
func newestMigration() (newest int64, err error) {
	files, err := sqlstore.Migrations("postgres")
	if err != nil {
		return 0, err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := goose.NumericComponent(strings.TrimSpace(name))
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, nil
}
