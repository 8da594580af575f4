package postgres_test

import (
	"context"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// cut says where a connection to the server is cut.
type cut int

// The places, about one message of the client's.
const (
	beforeSending cut = iota // nothing of it leaves
	whileSending             // a half of it leaves
	afterSending             // all of it leaves, and no answer is read
	afterAnswer              // the server has answered, and nobody reads it
)

var cuts = map[string]cut{
	"before sending": beforeSending, "while sending": whileSending, "after sending": afterSending, "after the answer": afterAnswer,
}

// scissors cut the connections of a process.
type scissors struct {
	mu sync.Mutex
	// match says which message it is done at; nil for none.
	match func([]byte) bool
	where cut
	done  bool
}

// arm prepares for a cut at the first message that matches.
func (s *scissors) arm(where cut, match func([]byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.match, s.where, s.done = match, where, false
}

// disarm lets all go on, and reports whether something was cut.
func (s *scissors) disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.match = nil
	return s.done
}

// now reports whether a message is the one, and where to cut.
func (s *scissors) now(message []byte) (cut, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.match == nil || !s.match(message) {
		return 0, false
	}
	s.done = true
	return s.where, true
}

// openCuttable opens a process whose connections can be cut.
func (d *database) openCuttable(t *testing.T) (*process, *scissors) {
	t.Helper()
	s := new(scissors)
	return d.open(t, func(cfg *pgxpool.Config) {
		cfg.MaxConns = 2 // of which calls one after the other need one
		cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return &wire{Conn: c, scissors: s}, err
		}
	}), s
}

// wire is a connection that can be cut.
type wire struct {
	net.Conn
	scissors *scissors
	mu       sync.Mutex
	deaf     bool // what the server says next is lost, and the connection with it
}

// errCut is what a process sees of it.
var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// Write implements net.Conn.
func (w *wire) Write(message []byte) (int, error) {
	where, is := w.scissors.now(message)
	if !is {
		return w.Conn.Write(message)
	}
	switch where {
	case beforeSending:
		_ = w.Close()
		return 0, errCut
	case whileSending:
		n, _ := w.Conn.Write(message[:len(message)/2])
		_ = w.Close()
		return n, errCut
	case afterSending:
		n, err := w.Conn.Write(message)
		_ = w.Close()
		return n, err
	case afterAnswer:
		w.mu.Lock()
		w.deaf = true
		w.mu.Unlock()
	}
	return w.Conn.Write(message)
}

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf && n > 0 {
		_ = w.Close()
		return 0, errCut
	}
	return n, err
}

// settled waits until the server has done with all connections of a process, so
// that what it will do is done.
func (d *database) settled(t *testing.T, p *process) {
	t.Helper()
	p.pool.Reset()
	waitFor(t, "the server to notice", func() bool {
		return d.count(t, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, p.name) == 0
	})
}
