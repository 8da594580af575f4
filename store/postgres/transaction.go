package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// step is one statement of a transaction.
type step struct {
	text string
	args []any
	// each gets every row of the answer; nil if there is none of interest.
	each func(row) error
}

const (
	beginWriting = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	beginReading = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

	// rollbackTimeout bounds the end of a transaction that failed. A connection
	// that does not manage is closed.
	rollbackTimeout = time.Second
)

// transaction is one of the store's own, on a connection of the pool. The steps
// of a call travel together: statements that do not depend on each other's
// answers cost one round trip.
type transaction struct {
	store *Store
	conn  *pgxpool.Conn
}

// neverScan is sent with the beginning of every transaction. Plans are kept, and
// one that was made while the queue was empty would go on reading all of it long
// after it has filled, be it the table or, for a join other than a nested loop, one
// of its indexes; or it would look up all that is due, and sort it, to find the first. What must be read from end to end all the same has an absurd cost
// then, for which nothing is to be compiled.
const neverScan = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
	set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`

// begin starts a transaction and runs steps in it.
func (s *Store) begin(ctx context.Context, how string, steps ...step) (*transaction, error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, classify(err)
	}
	t := &transaction{store: s, conn: c}
	if err := t.send(ctx, append([]step{{text: how}, {text: neverScan}}, steps...)); err != nil {
		t.rollback()
		return nil, classify(err)
	}
	return t, nil
}

// commit runs steps and commits. The transaction is over whatever it returns.
func (t *transaction) commit(ctx context.Context, steps ...step) error {
	err := t.send(ctx, append(steps, step{text: `COMMIT`}))
	if err != nil {
		t.rollback()
		return committing(err)
	}
	t.release()
	return nil
}

// rollback ends the transaction unless it has ended. Nothing of it was written.
func (t *transaction) rollback() {
	if t.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
	defer cancel()
	if c := t.conn.Conn(); !c.IsClosed() && c.PgConn().TxStatus() != 'I' {
		// If it fails, Release closes the connection.
		_, _ = c.Exec(ctx, `ROLLBACK`, t.store.texts.args(nil)...)
	}
	t.release()
}

func (t *transaction) release() {
	t.conn.Release()
	t.conn = nil
}

// send runs steps in one round trip. Behind a pooler it takes one each: named
// statements, which a batch needs, do not survive there.
func (t *transaction) send(ctx context.Context, steps []step) (err error) {
	began := time.Now()
	defer func() { t.store.doubt(began, err) }()
	c := t.conn.Conn()
	if t.store.texts.mode != nil || len(steps) == 1 {
		for _, st := range steps {
			rows, err := c.Query(ctx, t.store.texts.of(st.text), t.store.texts.args(st.args)...)
			if err != nil {
				return err
			}
			if err := readAll(rows, st.each); err != nil {
				return err
			}
		}
		return nil
	}
	b := new(pgx.Batch)
	for _, st := range steps {
		q := b.Queue(t.store.texts.of(st.text), st.args...)
		if st.each != nil {
			q.Query(func(rows pgx.Rows) error { return readAll(rows, st.each) })
		}
	}
	return c.SendBatch(ctx, b).Close()
}

// session returns the transaction as one.
func (t *transaction) session() session { return native{t.store.texts, t.conn} }

// query runs one statement in a transaction of its own, in one round trip.
func (s *Store) query(ctx context.Context, text string, args []any, each func(row) error) error {
	return s.alone().query(ctx, text, args, each)
}

// alone returns a session whose statements are each a transaction of their own.
// Behind a pooler nothing is kept, so that every plan is a fresh one, and a
// statement needs no transaction around it.
func (s *Store) alone() session {
	if s.texts.mode != nil {
		return native{s.texts, s.pool}
	}
	return single{s}
}

// single runs each statement in a transaction of its own.
type single struct {
	store *Store
}

func (o single) exec(ctx context.Context, text string, args []any) (n int64, err error) {
	err = o.run(ctx, func(b *pgx.Batch) {
		b.Queue(o.store.texts.of(text), args...).Exec(func(tag pgconn.CommandTag) error {
			n = tag.RowsAffected()
			return nil
		})
	})
	return n, err
}

func (o single) query(ctx context.Context, text string, args []any, each func(row) error) error {
	return o.run(ctx, func(b *pgx.Batch) {
		b.Queue(o.store.texts.of(text), args...).Query(func(rows pgx.Rows) error { return readAll(rows, each) })
	})
}

func (o single) run(ctx context.Context, queue func(*pgx.Batch)) error {
	c, err := o.store.pool.Acquire(ctx)
	if err != nil {
		return classify(err)
	}
	b := new(pgx.Batch)
	b.Queue(beginWriting)
	b.Queue(neverScan)
	queue(b)
	b.Queue(`COMMIT`)
	began := time.Now()
	err = c.SendBatch(ctx, b).Close()
	o.store.doubt(began, err)
	t := transaction{o.store, c}
	t.rollback() // if it has not come to its end
	return err
}

// deaf is how long a connection does not answer before the others are doubted too.
const deaf = 2 * time.Second

// doubt closes the pool's connections if one has not answered for long: a network
// that forgets connections without a word forgets all of them, and each would cost
// somebody a time-out.
func (s *Store) doubt(began time.Time, err error) {
	if err != nil && pgconn.Timeout(err) && time.Since(began) > deaf {
		s.pool.Reset()
	}
}

// database is how sqlstore runs transactions on a Store.
type database struct {
	store *Store
}

// Write implements sqlstore.Database.
func (d database) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return d.run(ctx, beginWriting, fn)
}

// Read implements sqlstore.Database.
func (d database) Read(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	return readOnly(d.run(ctx, beginReading, fn))
}

// readOnly is the error of a transaction that was to write nothing: whether it has
// ended as it should is no matter.
func readOnly(err error) error {
	if errors.Is(err, store.ErrUnknown) {
		return fmt.Errorf("%w: %v", store.ErrUnavailable, err)
	}
	return err
}

func (d database) run(ctx context.Context, how string, fn func(context.Context, sqlstore.Conn) error) error {
	t, err := d.store.begin(ctx, how)
	if err != nil {
		return err
	}
	defer t.rollback() // also if fn panics
	if err := fn(ctx, conn{t.session()}); err != nil {
		return classify(err)
	}
	return t.commit(ctx)
}
