package main

import (
	"context"
	"database/sql"
	"errors"
)

// placeWithSQL is placeWithPgx for database/sql, and so for what is built on it.
func (s *shop) placeWithSQL(ctx context.Context, o order) (order, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return o, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	err = tx.QueryRowContext(ctx, insertOrder, o.key, o.Item, o.Quantity).Scan(&o.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return o, errDuplicate
	}
	if err != nil {
		return o, err
	}
	ev, err := o.event()
	if err != nil {
		return o, err
	}
	if _, err := s.dispatcher.PublishTx(ctx, s.store.SQLTx(tx), ev); err != nil {
		return o, err
	}
	if _, err := tx.ExecContext(ctx, takeStock, o.Quantity, o.Item); err != nil {
		return o, err
	}
	return o, tx.Commit()
}
