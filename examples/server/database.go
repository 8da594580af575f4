package main

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/sqlite"
)

// database is a store and what closes it.
type database struct {
	store.Store
	close func() error
}

// errStore does not repeat the flag: a URL may have a password in it.
var errStore = errors.New("-store must be memory, sqlite:PATH or postgres://…")

func open(ctx context.Context, name string) (database, error) {
	switch path, isFile := strings.CutPrefix(name, "sqlite:"); {
	case name == "memory":
		return database{memstore.New(), func() error { return nil }}, nil
	case isFile && path != "":
		st, err := sqlite.Open(ctx, path)
		if err != nil {
			return database{}, err
		}
		return database{st, st.Close}, nil
	case strings.HasPrefix(name, "postgres://"), strings.HasPrefix(name, "postgresql://"):
		return openPostgres(ctx, name)
	}
	return database{}, errStore
}

func openPostgres(ctx context.Context, url string) (database, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return database{}, err
	}
	if err := postgres.Migrate(ctx, pool, postgres.Config{}); err != nil {
		pool.Close()
		return database{}, err
	}
	st, err := postgres.New(ctx, pool, postgres.Config{})
	if err != nil {
		pool.Close()
		return database{}, err
	}
	return database{st, func() error { pool.Close(); return nil }}, nil
}
