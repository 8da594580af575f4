package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// placeWithPgx writes an order and its event in one transaction, which commits if
// the function returns nil and is rolled back if not.
func (s *shop) placeWithPgx(ctx context.Context, o order) (order, error) {
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, insertOrder, o.key, o.Item, o.Quantity).Scan(&o.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return errDuplicate
		}
		if err != nil {
			return err
		}
		ev, err := o.event()
		if err != nil {
			return err
		}
		if _, err := s.dispatcher.PublishTx(ctx, s.store.Tx(tx), ev); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, takeStock, o.Quantity, o.Item)
		return err
	})
	return o, err
}
