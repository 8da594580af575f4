package sqldedup

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/signer"
)

const (
	defaultTable = "webhook_dedup"
	// defaultKeep is longer than the default schedule of a sender lasts: ten
	// attempts over 75 h 35 min, each put off by 20 % at most.
	defaultKeep = 96 * time.Hour
	// defaultHold is twice the longest that Postrider waits for an answer.
	defaultHold = 2 * time.Minute
	// maxTable leaves room for the index's name in the 63 bytes of PostgreSQL.
	maxTable = 50
)

// Config says how a Deduplicator remembers. Dialect is required.
type Config struct {
	// Dialect is the database's.
	Dialect Dialect

	// Table is the name of the table: letters, digits and "_", at most 50. Handlers
	// that do different things with the same events need one each.
	// Defaults to webhook_dedup.
	Table string

	// Keep is how long a webhook that was handled is remembered.
	// Defaults to 96 hours, longer than Postrider tries to deliver one.
	Keep time.Duration

	// Hold is how long a claim of a process that died keeps others from handling
	// the webhook. A handler that takes longer may be overtaken by the next
	// delivery, so it is longer than any handler takes.
	// Defaults to 2 minutes.
	Hold time.Duration
}

// Deduplicator is a signer.Deduplicator over a table. Create it with New.
type Deduplicator struct {
	db         *sql.DB
	cfg        Config
	statements statements
	// finished counts calls of Finish, for the table to be pruned.
	finished atomic.Int64
}

var _ signer.Deduplicator = (*Deduplicator)(nil)

// New returns a Deduplicator over a database, which it does not touch yet. A
// Config without a dialect or that makes no sense is an error.
func New(db *sql.DB, cfg Config) (*Deduplicator, error) {
	if db == nil {
		return nil, errors.New("sqldedup: no database")
	}
	if cfg.Table == "" {
		cfg.Table = defaultTable
	}
	if cfg.Keep == 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.Hold == 0 {
		cfg.Hold = defaultHold
	}
	switch {
	case cfg.Dialect != SQLite && cfg.Dialect != PostgreSQL:
		return nil, errors.New("sqldedup: Config.Dialect must be SQLite or PostgreSQL")
	case !validTable(cfg.Table):
		return nil, fmt.Errorf("sqldedup: Config.Table must be 1 to %d letters, digits and \"_\"", maxTable)
	case cfg.Keep < time.Second || cfg.Hold < time.Second:
		return nil, errors.New("sqldedup: Config.Keep and Hold must be at least a second")
	}
	return &Deduplicator{db: db, cfg: cfg, statements: cfg.Dialect.statements(cfg.Table)}, nil
}

// Claim implements signer.Deduplicator. Errors are the database's.
func (d *Deduplicator) Claim(ctx context.Context, key string) (signer.Claim, error) {
	c := signer.Claim{Key: key}
	token := rand.Text()
	fresh, err := changed(d.db.ExecContext(ctx, d.statements.claim, key, token, d.cfg.Hold.Microseconds()))
	if err != nil {
		return c, fmt.Errorf("sqldedup: claim: %w", err)
	}
	if fresh {
		c.State, c.Token = signer.ClaimFresh, token
		return c, nil
	}
	var holder string
	switch err := d.db.QueryRowContext(ctx, d.statements.holder, key).Scan(&holder); {
	case errors.Is(err, sql.ErrNoRows): // was released this moment
	case err != nil:
		return c, fmt.Errorf("sqldedup: claim: %w", err)
	case holder == "":
		c.State = signer.ClaimDone
	}
	return c, nil
}

// Finish implements signer.Deduplicator. Now and then it prunes the table too, which
// may fail without an error: the webhook is remembered, and the next call tries again.
// Errors are signer.ErrClaimLost and the database's.
func (d *Deduplicator) Finish(ctx context.Context, c signer.Claim) error {
	mine, err := changed(d.db.ExecContext(ctx, d.statements.finish, c.Key, c.Token, d.cfg.Keep.Microseconds()))
	if err != nil {
		return fmt.Errorf("sqldedup: finish: %w", err)
	}
	if !mine {
		return fmt.Errorf("sqldedup: finish: %w", signer.ErrClaimLost)
	}
	if d.finished.Add(1)%pruneEvery == 0 {
		_, _ = d.Prune(ctx)
	}
	return nil
}

// Release implements signer.Deduplicator. Errors are the database's.
func (d *Deduplicator) Release(ctx context.Context, c signer.Claim) error {
	if _, err := d.db.ExecContext(ctx, d.statements.release, c.Key, c.Token); err != nil {
		return fmt.Errorf("sqldedup: release: %w", err)
	}
	return nil
}

// ClaimTx claims a key as handled in the receiver's own transaction and reports
// whether it is new. If it is not, the webhook was handled: roll back and answer
// with success. The key is remembered if, and only if, tx commits; until then
// another transaction that claims it waits, or gets the database's error about
// that. Give the Verifier no Duplicates then, for those claim the key first.
//
//	new, err := d.ClaimTx(ctx, tx, signer.ID(r.Context()))
//
// Nobody prunes the table but Prune. Errors are the database's.
func (d *Deduplicator) ClaimTx(ctx context.Context, tx *sql.Tx, key string) (bool, error) {
	fresh, err := changed(tx.ExecContext(ctx, d.statements.claim, key, "", d.cfg.Keep.Microseconds()))
	if err != nil {
		return false, fmt.Errorf("sqldedup: claim: %w", err)
	}
	return fresh, nil
}

// CreateTable makes the table and its index if they are not there. Several
// processes may do it at once. Errors are the database's.
func (d *Deduplicator) CreateTable(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqldedup: create table: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, statement := range d.statements.create {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("sqldedup: create table: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqldedup: create table: %w", err)
	}
	return nil
}

const (
	// pruneEvery and maxPruned let Finish remove more than it adds, so that the
	// table is as large as what comes within Keep.
	pruneEvery = 128
	maxPruned  = 4 * pruneEvery
)

// Prune removes what need not be remembered any more, at most 512 rows, and
// returns how many there were. Errors are the database's.
func (d *Deduplicator) Prune(ctx context.Context) (int64, error) {
	res, err := d.db.ExecContext(ctx, d.statements.prune)
	if err != nil {
		return 0, fmt.Errorf("sqldedup: prune: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqldedup: prune: %w", err)
	}
	return n, nil
}

// changed reports whether a statement changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
