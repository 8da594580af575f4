package postgres

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/postrider/postrider/store/sqlstore"
)

// conn runs the shared statements of sqlstore, which are written for any
// database, in a session.
type conn struct {
	on session
}

var _ sqlstore.Conn = conn{}

// Exec implements sqlstore.Conn.
func (c conn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return c.on.exec(ctx, query, args)
}

// Query implements sqlstore.Conn.
func (c conn) Query(ctx context.Context, query string, args []any, each func(sqlstore.Row) error) error {
	return c.on.query(ctx, query, args, func(r row) error { return each(sharedRow{r}) })
}

// sharedRow is a row as sqlstore reads it.
type sharedRow struct {
	row row
}

// Scan implements sqlstore.Row.
func (r sharedRow) Scan(dest ...any) error {
	columns := make([]any, len(dest))
	pointers := make([]any, len(dest))
	for i := range columns {
		pointers[i] = &columns[i]
	}
	if err := r.row.Scan(pointers...); err != nil {
		return err
	}
	values := make([]driver.Value, len(dest))
	for i, v := range columns {
		switch n := v.(type) {
		case int16:
			v = int64(n)
		case int32:
			v = int64(n)
		}
		values[i] = v
	}
	return sqlstore.Assign(dest, values)
}

// fromShared writes a statement of sqlstore as this package writes its own: "?"
// becomes "$1" and so on, and postrider_queue the table queue of the schema.
func fromShared(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	n := 0
	for i := range len(text) {
		if text[i] != '?' {
			b.WriteByte(text[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return strings.ReplaceAll(b.String(), "postrider_", defaultSchema+".")
}
