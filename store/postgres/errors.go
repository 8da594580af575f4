package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/postrider/postrider/store"
)

// The SQLSTATE codes that are acted on (PostgreSQL documentation, appendix A).
const (
	codeLockNotAvailable = "55P03"
	codeUndefinedTable   = "42P01"
	codeUndefinedSchema  = "3F000"
)

// code returns the SQLSTATE of an error, or "".
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// classify turns an error that is about the database, not about what was asked
// of it, into store.ErrUnavailable: nothing of the transaction was written.
func classify(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
		return err
	}
	if refused(err) || unanswered(err) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// refused reports whether the server refused to work for reasons of its own.
func refused(err error) bool {
	switch c := code(err); {
	case c == "":
		return false
	default:
		switch c[:2] {
		case "08", // connection
			"25", // transaction state: read-only, idle for too long
			"28", // authorization
			"40", // deadlock, serialization
			"53", // disk full, out of memory, too many connections
			"55", // lock not available, not in the state it needs
			"57", // shutdown, cancel, starting up
			"58", // I/O
			"F0", // configuration
			"XX": // internal
			return true
		}
		return false
	}
}

// unanswered reports whether an error says that no answer came.
func unanswered(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok || noConnection(err)
}

// noConnection reports whether an error says that there was no connection to be
// had.
func noConnection(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok || errors.Is(err, puddle.ErrClosedPool)
}

// committing is the error of a statement that was to commit. If it is not known
// what the server did, it is store.ErrUnknown.
func committing(err error) error {
	switch e, ok := errors.AsType[*pgconn.PgError](err); {
	case errors.Is(err, store.ErrUnavailable):
		return err // it did not come to sending
	case ok && cmp.Or(e.SeverityUnlocalized, e.Severity) == "ERROR":
		return classify(err) // rolled back
	case ok: // FATAL: it may have come after the commit
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	case pgconn.SafeToRetry(err), noConnection(err):
		return classify(err) // never sent
	case unanswered(err):
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return err
}
