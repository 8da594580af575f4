package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/postrider/postrider/store"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the numbered migrations of a database, "sqlite" or
// "postgres", in the form of goose. They only go forward, and one that was released
// never changes.
func Migrations(database string) (fs.FS, error) {
	return fs.Sub(migrations, "migrations/"+database)
}

// Migrate brings a database up to the last migration, each in a transaction of
// its own. It returns store.ErrSchemaTooNew, and changes nothing, if the
// database is ahead. Two calls at the same time must be kept apart by the
// caller.
//
// versions is the table that records what was applied. It is not goose's own,
// which may be the host's.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, versions string, fsys fs.FS) error {
	p, behind, err := provider(ctx, db, dialect, versions, fsys)
	if err == nil && behind {
		_, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// ErrSchemaTooOld is returned by CheckSchema: the database must be migrated.
var ErrSchemaTooOld = errors.New("database schema is older than this library; migrate it")

// CheckSchema returns nil if a database was brought up to the last migration,
// ErrSchemaTooOld if it was not, and store.ErrSchemaTooNew if it is ahead.
func CheckSchema(ctx context.Context, db *sql.DB, dialect goose.Dialect, versions string, fsys fs.FS) error {
	_, behind, err := provider(ctx, db, dialect, versions, fsys)
	switch {
	case err != nil:
		return fmt.Errorf("check schema: %w", err)
	case behind:
		return ErrSchemaTooOld
	}
	return nil
}

// provider returns goose's for a database, and whether there is something to
// apply. It makes the table of versions if there is none.
func provider(ctx context.Context, db *sql.DB, dialect goose.Dialect, versions string, fsys fs.FS) (*goose.Provider, bool, error) {
	p, err := goose.NewProvider(dialect, db, fsys,
		goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, false, err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return nil, false, err
	}
	if current > target {
		return nil, false, fmt.Errorf("version %d, newest known %d: %w", current, target, store.ErrSchemaTooNew)
	}
	return p, current < target, nil
}
