package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/postrider/postrider/store"
)

// unsent is an error of pgx that came before anything was sent.
type unsent struct{ error }

func (unsent) SafeToRetry() bool { return true }

// TestErrors says what becomes of an error, of a statement and of one that was to
// commit. What is neither unavailable nor unknown is the caller's.
func TestErrors(t *testing.T) {
	t.Parallel()
	sqlstate := func(severity, code string) error {
		return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code}
	}
	read := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	unavailable, unknown := store.ErrUnavailable, store.ErrUnknown
	for name, c := range map[string]struct {
		err                 error
		statement, atCommit error // nil: as it is
	}{
		"nothing":               {nil, nil, nil},
		"unique violation":      {sqlstate("ERROR", "23505"), nil, nil},
		"syntax error":          {sqlstate("ERROR", "42601"), nil, nil},
		"no partition":          {sqlstate("ERROR", "23514"), nil, nil},
		"read-only":             {sqlstate("ERROR", "25006"), unavailable, unavailable},
		"serialization failure": {sqlstate("ERROR", "40001"), unavailable, unavailable},
		"deadlock":              {sqlstate("ERROR", "40P01"), unavailable, unavailable},
		"disk full":             {sqlstate("ERROR", "53100"), unavailable, unavailable},
		"too many connections":  {sqlstate("FATAL", "53300"), unavailable, unknown},
		"lock timeout":          {sqlstate("ERROR", "55P03"), unavailable, unavailable},
		"canceled":              {sqlstate("ERROR", "57014"), unavailable, unavailable},
		"terminated":            {sqlstate("FATAL", "57P01"), unavailable, unknown},
		"server crashed":        {sqlstate("PANIC", "XX000"), unavailable, unknown},
		"in German":             {&pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "53100"}, unavailable, unavailable},
		"of an old pooler":      {&pgconn.PgError{Severity: "ERROR", Code: "53100"}, unavailable, unavailable},
		"canceled context":      {context.Canceled, unavailable, unknown},
		"deadline":              {fmt.Errorf("read: %w", context.DeadlineExceeded), unavailable, unknown},
		"end of file":           {io.ErrUnexpectedEOF, unavailable, unknown},
		"reset":                 {read, unavailable, unknown},
		"connection was closed": {pgconn.ErrConnClosed, unavailable, unknown},
		"socket was closed":     {net.ErrClosed, unavailable, unknown},
		"never sent":            {unsent{read}, unavailable, unavailable},
		"not connected":         {&pgconn.ConnectError{}, unavailable, unavailable},
		"pool was closed":       {puddle.ErrClosedPool, unavailable, unavailable},
		"stays unavailable":     {fmt.Errorf("%w: %w", unavailable, read), unavailable, unavailable},
		"stays unknown":         {fmt.Errorf("%w: %w", unknown, read), unknown, unknown},
		"of ours":               {store.ErrVersion, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for call, got := range map[string]error{"classify": classify(c.err), "committing": committing(c.err)} {
				want := c.statement
				if call == "committing" {
					want = c.atCommit
				}
				if !errors.Is(got, c.err) {
					t.Errorf("%s(%v) = %v; want the cause in it", call, c.err, got)
				}
				if want == nil && got != c.err {
					t.Errorf("%s(%v) = %v; want it as it is", call, c.err, got)
				}
				for _, kind := range []error{unavailable, unknown} {
					if is := errors.Is(got, kind); is != (want == kind) {
						t.Errorf("%s(%v) = %v; is %q = %v; want %v", call, c.err, got, kind, is, !is)
					}
				}
			}
		})
	}
}
