package postgres

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session runs statements: in a transaction, of the store's own or of a host, or
// each for itself. Texts are those of this package, for the default schema.
type session interface {
	// exec runs a statement and returns how many rows it changed.
	exec(ctx context.Context, text string, args []any) (int64, error)
	// query runs a statement and calls each with every row of its answer.
	query(ctx context.Context, text string, args []any, each func(row) error) error
}

// row is one row of an answer.
type row interface {
	Scan(dest ...any) error
}

// querier is what pgx runs statements on: a pool, a connection, a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// native is a session of pgx.
type native struct {
	texts *texts
	on    querier
}

func (n native) exec(ctx context.Context, text string, args []any) (int64, error) {
	tag, err := n.on.Exec(ctx, n.texts.of(text), n.texts.args(args)...)
	return tag.RowsAffected(), err
}

func (n native) query(ctx context.Context, text string, args []any, each func(row) error) error {
	rows, err := n.on.Query(ctx, n.texts.of(text), n.texts.args(args)...)
	if err != nil {
		return err
	}
	return readAll(rows, each)
}

// readAll gives every row to each, which may be nil, and ends the query.
func readAll(rows pgx.Rows, each func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if each == nil {
			continue
		}
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// portable is a session of package sql, whatever its driver: arrays are passed as
// the texts that PostgreSQL reads them from.
type portable struct {
	texts *texts
	tx    *sql.Tx
}

func (p portable) exec(ctx context.Context, text string, args []any) (int64, error) {
	res, err := p.tx.ExecContext(ctx, p.texts.of(text), literals(args)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (p portable) query(ctx context.Context, text string, args []any, each func(row) error) error {
	rows, err := p.tx.QueryContext(ctx, p.texts.of(text), literals(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
