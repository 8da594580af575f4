package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Tx returns a store.Tx over the host's transaction.
func (s *Store) Tx(tx *sql.Tx) store.Tx { return hostTx{s, sqlConn{tx}} }

type hostTx struct {
	store *Store
	conn  sqlConn
}

// Publish implements store.Tx.
func (t hostTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	results, err := t.store.publish(ctx, t.conn, now, pubs)
	if sabotage.NoOutbox && err == nil { // SQLite lets nobody else write meanwhile
		err = t.conn.tx.Commit()
	}
	return results, err
}

// TenantEndpoints implements store.Tx.
func (t hostTx) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	return TenantEndpoints(ctx, t.conn, tenant, after)
}

// Events implements store.Tx.
func (t hostTx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	var events []webhook.Event
	err := t.conn.Query(ctx, `
		SELECT e.id, e.type, e.source, e.subject, e.idempotency_key, e.meta, e.attrs, e.occurred_at, p.data
		FROM postrider_events e
		LEFT JOIN postrider_payloads p ON p.seq = e.seq
		WHERE e.tenant = ?
		AND e.id < ?
		ORDER BY e.id DESC
		LIMIT ? + 0`, []any{tenant, before(page), page.Size()}, func(r Row) error {
		ev := webhook.Event{Tenant: tenant}
		err := scanEvent(r, &ev, (*[]byte)(&ev.Data))
		events = append(events, ev)
		return err
	})
	return events, err
}

// Reserver implements store.Tx. The host's transaction may be the one that writes,
// and another would wait for it for ever.
func (t hostTx) Reserver() (store.Reserver, bool) { return t, true }

// ReserveRates implements store.Reserver.
func (t hostTx) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := store.CheckRates(reqs); err != nil {
		return nil, wrap("reserve rates", err)
	}
	now, err := t.store.now(ctx, t.conn, now)
	if err != nil {
		return nil, err
	}
	grants := make([]store.RateGrant, len(reqs))
	for i := range reqs {
		if grants[i], err = reserveRate(ctx, t.conn, now, &reqs[i]); err != nil {
			return nil, err
		}
	}
	return grants, nil
}

// ReserveQuota implements store.Reserver.
func (t hostTx) ReserveQuota(ctx context.Context, _ time.Time, req store.QuotaRequest) (int64, error) {
	return reserveQuota(ctx, t.conn, &req)
}

// AddSubjectKeys implements store.Reserver.
func (t hostTx) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	return addSubjectKeys(ctx, t.conn, keys)
}

// SubjectKeys implements store.Reserver.
func (t hostTx) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error) {
	return readSubjectKeys(ctx, t.conn, names)
}

// sqlConn is a Conn over a transaction of package sql.
type sqlConn struct {
	tx *sql.Tx
}

// Exec implements Conn.
func (c sqlConn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := c.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query implements Conn.
func (c sqlConn) Query(ctx context.Context, query string, args []any, each func(Row) error) error {
	rows, err := c.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(sqlRow{rows}); err != nil {
			return err
		}
	}
	return rows.Err()
}

type sqlRow struct {
	rows *sql.Rows
}

// Scan implements Row.
func (r sqlRow) Scan(dest ...any) error {
	columns := make([]any, len(dest))
	pointers := make([]any, len(dest))
	for i := range columns {
		pointers[i] = &columns[i]
	}
	if err := r.rows.Scan(pointers...); err != nil {
		return err
	}
	values := make([]driver.Value, len(dest))
	for i, v := range columns {
		values[i] = v
	}
	return Assign(dest, values)
}
