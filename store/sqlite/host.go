package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
)

// hostConnector opens the connections of Store.DB. Their transactions take turns
// with the Store's own writes: SQLite itself knows no queue, and a host that
// could only ask for the lock now and then would hardly ever find it free under
// load.
type hostConnector struct {
	dsn    string
	driver driver.Driver
	// writer is set before the first connection is asked for.
	writer *writer
}

func (c *hostConnector) Driver() driver.Driver { return c.driver }

func (c *hostConnector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := opened.(fullConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("connection is a %T without contexts", opened), opened.Close())
	}
	return &hostConn{full, c.writer}, nil
}

// fullConn is what database/sql can make use of in a connection.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type hostConn struct {
	fullConn
	writer *writer
}

// BeginTx waits for the transaction's turn and begins it.
func (c *hostConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if opts.ReadOnly {
		return c.fullConn.BeginTx(ctx, opts)
	}
	giveBack, err := c.writer.lend(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := c.fullConn.BeginTx(ctx, opts)
	if err != nil {
		giveBack()
		return nil, err
	}
	return &hostTx{tx, giveBack}, nil
}

// hostTx gives the turn back when it ends.
type hostTx struct {
	driver.Tx
	giveBack func()
}

func (t *hostTx) Commit() error {
	defer t.giveBack()
	return t.Tx.Commit()
}

func (t *hostTx) Rollback() error {
	defer t.giveBack()
	return t.Tx.Rollback()
}

// lend waits, like an operation, until nobody writes, and lets nobody write
// before the loan is given back. If ctx ends first it returns its error.
func (w *writer) lend(ctx context.Context) (giveBack func(), err error) {
	op := &operation{loan: true, wake: make(chan bool, 1), ran: make(chan struct{})}
	first, err := w.enqueue(op)
	if err != nil {
		return nil, err
	}
	if !first {
		if lead, err := w.await(ctx, op); !lead {
			return nil, err
		}
	}
	w.mu.Lock()
	w.queue = w.queue[1:] // it was the first
	w.mu.Unlock()
	return sync.OnceFunc(w.handOver), nil
}
