package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// Tx returns a store.Tx over the host's transaction, which must be on the
// database of the Store.
func (s *Store) Tx(tx pgx.Tx) store.Tx { return hostTx{s, native{s.texts, tx}} }

// SQLTx is Tx for a transaction of package database/sql, whatever its driver for
// PostgreSQL, and so for libraries that are built on it.
func (s *Store) SQLTx(tx *sql.Tx) store.Tx { return hostTx{s, portable{s.texts, tx}} }

type hostTx struct {
	store *Store
	on    session
}

// Publish implements store.Tx.
func (t hostTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if sabotage.NoOutbox {
		return t.store.Publish(ctx, now, pubs)
	}
	if err := t.store.admit(ctx, t.on, pubs); err != nil {
		return nil, err
	}
	b := newBook(pubs)
	err := publish(ctx, t.on, now, b)
	return b.results, err
}

// Reserver implements store.Tx: the store, on a connection of its own.
func (t hostTx) Reserver() (store.Reserver, bool) { return t.store, false }

// TenantEndpoints implements store.Tx.
func (t hostTx) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	return sqlstore.TenantEndpoints(ctx, conn{t.on}, tenant, after)
}

// EventTypes implements store.Tx.
func (t hostTx) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	return sqlstore.EventTypes(ctx, conn{t.on}, after)
}
