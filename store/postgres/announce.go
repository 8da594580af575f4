package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// announceEvery is the least time between two announcements of a process. NOTIFY
// makes transactions of the whole database take turns, so it is sent for a batch
// at most, never for an event, and in a transaction that writes nothing else.
const announceEvery = 20 * time.Millisecond

// announcer tells other processes that something was stored which they may claim.
type announcer struct {
	store *Store
	on    bool

	mu sync.Mutex
	// last is when it was last told; later is set while the end of the interval
	// is waited for.
	last  time.Time
	later *time.Timer

	// listener is the connection that hears of others, once Await has been called;
	// it belongs to who has put something into listening.
	listening chan struct{}
	listener  *pgx.Conn
}

// channel is the name that is listened to.
func (s *Store) channel() string { return s.texts.schema + "_stored" }

// announce tells others, now or soon.
func (a *announcer) announce() {
	if !a.on {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.later != nil {
		return
	}
	if wait := announceEvery - time.Since(a.last); wait > 0 {
		a.later = time.AfterFunc(wait, a.send)
		return
	}
	a.later = time.AfterFunc(0, a.send)
}

func (a *announcer) send() {
	a.mu.Lock()
	a.later, a.last = nil, time.Now()
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// Who does not hear of it polls.
	_, _ = a.store.pool.Exec(ctx, `SELECT pg_notify($1, '')`, a.store.texts.args([]any{a.store.channel()})...)
}

// Await implements store.Announcing. It keeps a connection of its own, with the
// pool's configuration, until a call fails or its ctx ends.
func (s *Store) Await(ctx context.Context) error {
	a := &s.announcer
	if !a.on {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case a.listening <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("listen: %w", classify(ctx.Err()))
	}
	defer func() { <-a.listening }()
	err := a.await(ctx)
	if err != nil && a.listener != nil {
		err = errors.Join(err, a.listener.Close(context.WithoutCancel(ctx)))
		a.listener = nil
	}
	return err
}

func (a *announcer) await(ctx context.Context) error {
	if a.listener == nil {
		cfg, err := connConfig(ctx, a.store.pool)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		c, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			return fmt.Errorf("listen: %w", classify(err))
		}
		a.listener = c
		if _, err := c.Exec(ctx, `LISTEN `+a.store.channel()); err != nil {
			return fmt.Errorf("listen: %w", classify(err))
		}
		return nil // something may have been stored before
	}
	for {
		n, err := a.listener.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", classify(err))
		}
		if n.Channel == a.store.channel() {
			return nil
		}
	}
}
