package sqlite

import (
	"context"
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/postrider/postrider/store"
)

// classify turns an error of SQLite that is about the database, not about what
// was asked of it, into store.ErrUnavailable.
func classify(err error) error {
	switch code(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_NOMEM,
		lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_PROTOCOL,
		lib.SQLITE_NOLFS, lib.SQLITE_PERM, lib.SQLITE_AUTH, lib.SQLITE_ABORT:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// code returns SQLite's primary result code of an error, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code() & 0xff
	}
	return lib.SQLITE_OK
}

func isBusy(err error) bool { return code(err) == lib.SQLITE_BUSY || code(err) == lib.SQLITE_LOCKED }

// isFailedWrite reports whether a write to a file failed.
func isFailedWrite(err error) bool {
	e, ok := errors.AsType[*modernc.Error](err)
	return ok && (e.Code()&0xff == lib.SQLITE_FULL || e.Code() == lib.SQLITE_IOERR_WRITE)
}

// gaveUp is the error of a caller whose context ended before its operation
// began.
func gaveUp(ctx context.Context) error {
	return fmt.Errorf("%w: %w", store.ErrUnavailable, context.Cause(ctx))
}

var errClosed = fmt.Errorf("%w: store is closed", store.ErrUnavailable)
