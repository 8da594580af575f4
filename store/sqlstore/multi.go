package sqlstore

import (
	"context"
	"strings"
)

// sizes are the numbers of rows that a statement for many rows is written for.
var sizes = [...]int{64, 16, 4, 1}

// multi is a statement for many rows, once for each of the sizes. The text is
// head, the row as often as the size says, and tail.
type multi struct {
	texts [len(sizes)]string
}

func newMulti(head, row, tail string) *multi {
	m := new(multi)
	for i, n := range sizes {
		m.texts[i] = head + strings.Repeat(row+",", n-1) + row + tail
	}
	return m
}

// exec runs the statement for n rows. first are the arguments of head, and
// fill appends those of one row.
func (m *multi) exec(ctx context.Context, c Conn, first []any, n int, fill func(args []any, i int) []any) error {
	args := first
	for i, size := range sizes {
		for n >= size {
			args = args[:len(first)]
			for j := range size {
				args = fill(args, n-size+j)
			}
			if _, err := c.Exec(ctx, m.texts[i], args...); err != nil {
				return err
			}
			n -= size
		}
	}
	return nil
}

// query runs the statement, whose rows are the members of a list, with as few
// round trips as possible: a size that is not filled repeats the last member.
func (m *multi) query(ctx context.Context, c Conn, first []any, n int, fill func(args []any, i int) []any, each func(Row) error) error {
	return m.list(first, n, fill, func(text string, args []any) error {
		return c.Query(ctx, text, args, each)
	})
}

// execList is query for a statement that returns no rows.
func (m *multi) execList(ctx context.Context, c Conn, first []any, n int, fill func(args []any, i int) []any) error {
	return m.list(first, n, fill, func(text string, args []any) error {
		_, err := c.Exec(ctx, text, args...)
		return err
	})
}

func (m *multi) list(first []any, n int, fill func(args []any, i int) []any, run func(text string, args []any) error) error {
	args := first
	for at := 0; at < n; {
		i := len(sizes) - 1
		for i > 0 && sizes[i] < n-at {
			i--
		}
		args = args[:len(first)]
		for j := range sizes[i] {
			args = fill(args, min(at+j, n-1))
		}
		if err := run(m.texts[i], args); err != nil {
			return err
		}
		at += sizes[i]
	}
	return nil
}
