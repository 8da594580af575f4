package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/webhook"
)

// config is what the flags say.
type config struct {
	database, driver string
	out              io.Writer
}

// shop is the service.
type shop struct {
	config
	url        string
	pool       *pgxpool.Pool
	db         *sql.DB
	store      *postgres.Store
	dispatcher *dispatcher.Dispatcher
	receiver   *receiver
	// place tries once to place an order.
	place func(context.Context, order) (order, error)
	// repeated counts the transactions that had to be tried again.
	repeated atomic.Int64
	// drain ends the deliveries: those under way are finished, and no more begin.
	drain func() error
}

// run makes a shop in two schemas of a database, lets do use it, and removes it.
func run(ctx context.Context, c config, do func(*shop) error) (err error) {
	s := &shop{config: c}
	own := "shop_" + strings.ToLower(rand.Text()[:10])
	outbox := postgres.Config{Schema: own + "_postrider"} // a service takes the default

	cfg, err := pgxpool.ParseConfig(c.database)
	if err != nil {
		return err
	}
	cfg.ConnConfig.RuntimeParams["search_path"] = own // Postrider does without
	cfg.MaxConns = 16                                 // one for each request under way, and a few for Postrider
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return err
	}
	defer s.pool.Close()
	switch c.driver {
	case "pgx":
		s.place = s.placeWithPgx
	case "sql":
		s.place, s.db = s.placeWithSQL, stdlib.OpenDB(*cfg.ConnConfig) // or any other driver's
		defer s.db.Close()
	default:
		return fmt.Errorf("-driver %s: want pgx or sql", c.driver)
	}

	if _, err = s.pool.Exec(ctx, `CREATE SCHEMA `+own+`;`+createTables); err != nil {
		return err
	}
	defer func() {
		_, dropped := s.pool.Exec(context.WithoutCancel(ctx), `DROP SCHEMA IF EXISTS `+own+`, `+outbox.Schema+` CASCADE`)
		err = errors.Join(err, dropped)
	}()
	if err = postgres.Migrate(ctx, s.pool, outbox); err != nil {
		return err
	}
	if s.store, err = postgres.New(ctx, s.pool, outbox); err != nil {
		return err
	}
	return s.start(ctx, do)
}

// start takes orders and delivers events while do runs.
func (s *shop) start(ctx context.Context, do func(*shop) error) (err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	s.url = "http://" + l.Addr().String()

	// The key that seals the endpoints' secrets in the database. A service loads
	// it from a file: seal.LoadKeyring.
	keyring, err := seal.NewKeyring(seal.NewKey())
	if err != nil {
		return err
	}
	s.dispatcher, err = dispatcher.New(s.store, dispatcher.Config{
		Keyring: keyring,
		// The receiver is on this machine. A service leaves this out.
		HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		return err
	}
	_, secret, err := manage.New(s.dispatcher).CreateEndpoint(ctx,
		webhook.Endpoint{Tenant: tenant, URL: s.url + "/customer", EventTypes: []string{"order.*"}})
	if err != nil {
		return err
	}
	verifier, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		return err
	}
	s.receiver = &receiver{out: s.out, orders: make(map[string]order)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.postOrder)
	mux.Handle("POST /customer", verifier.Middleware(s.receiver)) // a server of the customer's, in life
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // until Close
	defer server.Close()

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.dispatcher.Run(running) }() // could as well be in another process
	s.drain = sync.OnceValue(func() error { stop(); return <-ended })
	defer func() { err = errors.Join(err, s.drain()) }()
	return do(s)
}
