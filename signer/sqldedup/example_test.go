package sqldedup_test

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"os"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/sqldedup"
)

// All processes of a receiver together handle each webhook once.
func Example() {
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	duplicates, err := sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.PostgreSQL})
	if err != nil {
		log.Fatal(err)
	}
	if err := duplicates.CreateTable(context.Background()); err != nil {
		log.Fatal(err)
	}
	secret, err := signer.ParseSecret(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}, Duplicates: duplicates})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent) // handled once
	})))
}

// The change and the memory of the webhook are one transaction.
func ExampleDeduplicator_ClaimTx() {
	var db *sql.DB // the receiver's own
	duplicates, err := sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.PostgreSQL})
	if err != nil {
		return
	}
	handle := func(ctx context.Context, ev signer.Event) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if fresh, err := duplicates.ClaimTx(ctx, tx, ev.ID); err != nil || !fresh {
			return err // nil for a repetition: it was handled
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES ($1)", ev.ID); err != nil {
			return err
		}
		return tx.Commit()
	}
	_, _ = signer.NewRouter(signer.RouterConfig{Routes: map[string]signer.Handler{"order.*": handle}})
}
