// Command outbox-postgres is an order service on PostgreSQL whose customer hears
// by webhook of every order that was placed, and of no other.
//
// A service that commits an order and then announces it loses the announcement if
// it dies in between; one that announces first announces orders that are never
// placed. The outbox pattern is to write the announcement down in the order's own
// transaction, and to send what was written down. Postrider's tables are that
// outbox, and PublishTx writes to it.
//
// Without -serve, clients place orders all at once; some of these break a rule and
// some come twice. It exits with 0 only if exactly what was committed arrived.
//
//	pgx.go, sql.go  the transaction, with pgx or with database/sql: read one
//	order.go        an order, its table, its rules and its event
//	retry.go        repeats a transaction that met another one (40001)
//	shop.go         puts everything together, step by step
//	server.go       POST /orders
//	receiver.go     the customer's server, which verifies what arrives
//	demo.go         the orders that are placed, and what must come of them
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

const noDatabase = `-database is required. For a throw-away server:

	docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=demo postgres
	go run ./examples/outbox-postgres -database postgres://postgres:demo@127.0.0.1:5432/postgres

or, with Debian's packages postgresql and postgresql-common:

	pg_virtualenv sh -c 'go run ./examples/outbox-postgres -database postgres://$PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/postgres'
`

func main() {
	c := config{out: os.Stdout}
	flag.StringVar(&c.database, "database", "", "`URL` of a database, in which two schemas are made, and dropped in the end")
	flag.StringVar(&c.driver, "driver", "pgx", "`pgx or sql`: what the orders' transactions are made with")
	serve := flag.Bool("serve", false, "take orders until interrupted")
	flag.Parse()
	if c.database == "" {
		fmt.Fprint(os.Stderr, noDatabase)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, c, func(s *shop) error {
		if *serve {
			fmt.Printf("curl -i -H 'Idempotency-Key: 1' -d '{\"item\":\"cup\",\"quantity\":2}' %s/orders\n", s.url)
			<-ctx.Done()
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute) // it takes a second
		defer cancel()
		return s.demo(ctx)
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "outbox-postgres:", err)
		os.Exit(1)
	}
}
