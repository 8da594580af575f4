package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// versionTable records which migrations were applied.
const versionTable = "postrider_schema"

// Migrations returns the numbered migrations, for hosts that apply them with a
// tool of their own. Their record is the table postrider_schema.
func Migrations() (fs.FS, error) { return sqlstore.Migrations("sqlite") }

// Migrate brings the file that db is open on to the schema of this library. It
// returns store.ErrSchemaTooNew, and changes nothing, if the file is ahead. Two
// processes may migrate at once: one waits until ctx ends for the other. Open
// calls it; a host that uses New calls it itself.
func Migrate(ctx context.Context, db *sql.DB) error {
	path, err := databasePath(ctx, db)
	if err != nil {
		return err
	}
	return migrate(ctx, db, path)
}

// migrate migrates a file, or a database in memory if path is empty.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	fsys, err := Migrations()
	if err != nil {
		return err
	}
	if path != "" {
		lock, err := awaitLock(ctx, path+"-migrate")
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer lock.Close()
	}
	return classify(sqlstore.Migrate(ctx, db, goose.DialectSQLite3, versionTable, fsys))
}

// awaitLock asks for a lock until ctx ends.
func awaitLock(ctx context.Context, path string) (io.Closer, error) {
	for {
		lock, err := tryLock(path)
		if !errors.Is(err, store.ErrLeaseHeld) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, gaveUp(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// databasePath returns the file that a handle is open on.
func databasePath(ctx context.Context, db *sql.DB) (string, error) {
	var path string
	if err := db.QueryRowContext(ctx, `
		SELECT file
		FROM pragma_database_list
		WHERE name = 'main'`).Scan(&path); err != nil {
		return "", fmt.Errorf("find the database's file: %w", classify(err))
	}
	if path == "" {
		return "", errors.New("the handle is not open on a file")
	}
	return path, nil
}

// checkSchema returns nil if the database has the schema of this library.
func checkSchema(ctx context.Context, db *sql.DB) error {
	fsys, err := Migrations()
	if err != nil {
		return err
	}
	return classify(sqlstore.CheckSchema(ctx, db, goose.DialectSQLite3, versionTable, fsys))
}
