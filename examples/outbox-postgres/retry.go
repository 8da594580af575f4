package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// mostTries is how often a transaction is tried before the client has to come again.
const mostTries = 10

// retry runs a whole transaction, from begin to commit, until it is no longer one
// that the database gives up in favour of another. Any statement may say so, also
// PublishTx and the commit. Nothing was written then, and the next try publishes
// the event anew.
func (s *shop) retry(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		if !gaveWay(err) || try == mostTries {
			return err
		}
		s.repeated.Add(1)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(time.Millisecond << try)): // at random, or they meet again
		}
	}
}

// gaveWay reports whether an error is a serialization failure or a deadlock. A
// connection that is lost during the commit is neither: the order may have been
// placed, and the client finds out with the same key.
func gaveWay(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}
