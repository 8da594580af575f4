package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postrider/postrider/store/sqlstore"
)

// readers is a bounded pool of connections that read. They are opened when they
// are needed.
type readers struct {
	dsn  string
	free chan struct{} // one for each connection that may be in use

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newReaders(dsn string, n int) *readers {
	return &readers{dsn: dsn, free: make(chan struct{}, n)}
}

// Read runs fn on one state of the database; see sqlstore.Database.
func (r *readers) Read(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	select {
	case r.free <- struct{}{}:
	case <-ctx.Done():
		return gaveUp(ctx)
	}
	defer func() { <-r.free }()
	c, err := r.take()
	if err != nil {
		return err
	}
	if _, err := c.Exec(ctx, `BEGIN`); err != nil {
		return errors.Join(classify(err), c.close())
	}
	err = classify(fn(background, c))
	if _, end := c.Exec(ctx, `COMMIT`); end != nil {
		// A connection in doubt is not used again: it might hold a snapshot,
		// and the log would grow behind it.
		return errors.Join(err, classify(end), c.close())
	}
	r.put(c)
	return err
}

func (r *readers) take() (*conn, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	return openConn(r.dsn)
}

func (r *readers) put(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = c.close() // it only read
		return
	}
	r.idle = append(r.idle, c)
}

// pause lets no further read begin, and waits up to patience until none is under
// way. resume ends the pause.
func (r *readers) pause(patience time.Duration) (resume func()) {
	paused := 0
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for expired := false; paused < cap(r.free) && !expired; {
		select {
		case r.free <- struct{}{}:
			paused++
		case <-timeout.C:
			expired = true
		}
	}
	return func() {
		for range paused {
			<-r.free
		}
	}
}

// close closes the connections that are not in use, and the others as soon as
// they are put back.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, c := range r.idle {
		errs = append(errs, c.close())
	}
	r.idle = nil
	return errors.Join(errs...)
}
