package main

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postrider/postrider/webhook"
)

// tenant is the customer whose endpoint hears of the orders.
const tenant = "acme"

// order is what is posted, stored, answered and announced.
type order struct {
	ID       int64  `json:"id,omitempty"`
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	// key is the client's: however often it sends a request, it places one order.
	key string
}

// createTables makes the service's own tables, with the rules of its business. The
// schema is found by the search path here; Postrider's own is always named.
const createTables = `
	CREATE TABLE items (
		name  text PRIMARY KEY,
		stock bigint NOT NULL CONSTRAINT sold_out CHECK (stock >= 0)
	);
	CREATE TABLE orders (
		id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		key      text NOT NULL UNIQUE,
		item     text NOT NULL CONSTRAINT no_such_item REFERENCES items,
		quantity bigint NOT NULL CONSTRAINT no_quantity CHECK (quantity > 0)
	);
	INSERT INTO items VALUES ('cup', 1000000), ('saucer', 1000000), ('spoon', 1000000), ('teapot', 2)`

// The statements of an order's transaction. Between them the event is published.
// The row that many orders want comes last: it is locked until the commit.
const (
	insertOrder = `
		INSERT INTO orders (key, item, quantity)
		VALUES ($1, $2, $3)
		ON CONFLICT (key) DO NOTHING
		RETURNING id`
	takeStock = `
		UPDATE items
		SET stock = stock - $1
		WHERE name = $2`
)

// errDuplicate says that a request has placed its order before.
var errDuplicate = errors.New("placed before")

// event announces an order. It needs no idempotency key: the order's own keeps
// both from being written twice.
func (o order) event() (webhook.Event, error) {
	return webhook.NewEvent(tenant, "order.placed", o)
}

// brokenRule returns the name of the rule that an order breaks: of the constraint,
// if the error is of SQLSTATE class 23.
func brokenRule(err error) (name string, broken bool) {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code[:2] == "23" {
		return e.ConstraintName, true
	}
	return "", false
}
