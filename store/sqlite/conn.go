package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	modernc "modernc.org/sqlite"

	"github.com/postrider/postrider/store/sqlstore"
)

// conn is a connection of its own, without package sql around it, which would
// cost as much as the statements do. It prepares each text once. It is used by
// one goroutine at a time.
type conn struct {
	driver driver.Conn
	stmts  map[string]stmt
	args   []driver.NamedValue // reused from call to call
	values []driver.Value
}

// stmt is what a prepared statement of the driver can do.
type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

var _ sqlstore.Conn = (*conn)(nil)

// openConn opens a connection with the driver that the host knows as "sqlite".
func openConn(dsn string) (*conn, error) {
	c, err := new(modernc.Driver).Open(dsn)
	if err != nil {
		return nil, classify(err)
	}
	return &conn{driver: c, stmts: make(map[string]stmt)}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.driver.Close())...)
}

func (c *conn) prepare(query string) (stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	prepared, err := c.driver.Prepare(query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(stmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("driver's statement %T cannot take a context", prepared), prepared.Close())
	}
	c.stmts[query] = s
	return s, nil
}

// background is given to the driver instead of a caller's context, for which it
// would start a goroutine per statement.
var background = context.Background()

// Exec implements sqlstore.Conn.
func (c *conn) Exec(_ context.Context, query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(background, c.named(args))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query implements sqlstore.Conn.
func (c *conn) Query(_ context.Context, query string, args []any, each func(sqlstore.Row) error) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(background, c.named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	n := len(rows.Columns())
	if cap(c.values) < n {
		c.values = make([]driver.Value, n)
	}
	r := row(c.values[:n])
	for {
		if err := rows.Next(r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// named returns arguments as the driver takes them. They are valid until the
// next call.
func (c *conn) named(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range args {
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// row is the present row of a query.
type row []driver.Value

// Scan implements sqlstore.Row.
func (r row) Scan(dest ...any) error { return sqlstore.Assign(dest, r) }
