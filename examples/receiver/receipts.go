package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"time"
)

// lookEvery is how often the tables are looked at, though nobody asked: for what an
// error left behind, and for events that need not be remembered any more.
const lookEvery = time.Minute

// ask has the receipts posted soon. It never waits.
func (b *books) ask() {
	select {
	case b.asked <- struct{}{}:
	default: // somebody has asked already
	}
}

// work does what takes too long for an answer, until ctx ends. It begins with what was
// left when the last process ended.
func (b *books) work(ctx context.Context, logs *log.Logger) {
	b.ask()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.asked:
		case <-tick.C:
			if _, err := b.handled.Prune(ctx); err != nil {
				logs.Printf("forget old events: %v", err)
			}
		}
		// What has begun is finished, however long ago ctx has ended.
		if err := b.postReceipts(context.WithoutCancel(ctx)); err != nil {
			logs.Printf("post receipts: %v", err)
		}
	}
}

// postReceipts posts what was asked for, and forgets it. After a crash in between a
// receipt is posted twice: give whoever posts it the event's id, so that it can tell.
func (b *books) postReceipts(ctx context.Context) error {
	for {
		var event, customer string
		var cents int64
		switch err := b.db.QueryRowContext(ctx, `
			SELECT event, customer, cents
			FROM receipts
			ORDER BY event
			LIMIT 1`).Scan(&event, &customer, &cents); {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		if _, err := fmt.Fprintf(b.out, "receipt for %s: %d.%02d (%s)\n", customer, cents/100, cents%100, event); err != nil {
			return err
		}
		if _, err := b.db.ExecContext(ctx, `DELETE FROM receipts WHERE event = ?1`, event); err != nil {
			return err
		}
	}
}
