package sqldedup_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // or pgx, with sqldedup.PostgreSQL

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/sqldedup"
)

// ours is a secret that nobody has.
const ours = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiversDatabase returns a database of a receiver, and what removes it.
func receiversDatabase() (db *sql.DB, remove func()) {
	dir, err := os.MkdirTemp("", "receiver")
	if err != nil {
		log.Fatal(err)
	}
	db, err = sql.Open("sqlite", filepath.Join(dir, "receiver.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		log.Fatal(err)
	}
	return db, func() {
		_ = db.Close()
		_ = os.RemoveAll(dir)
	}
}

// delivery is a webhook as it comes, signed.
func delivery(id, body string) *http.Request {
	secret, err := signer.ParseSecret(ours)
	if err != nil {
		log.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Header(context.Background(), id, now, []byte(body), secret)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
	r.Header.Set(signer.HeaderID, id)
	r.Header.Set(signer.HeaderTimestamp, fmt.Sprint(now.Unix()))
	r.Header.Set(signer.HeaderSignature, signature)
	return r
}

// All processes of a receiver together handle each webhook once.
func Example() {
	db, remove := receiversDatabase()
	defer remove()
	duplicates, err := sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.SQLite})
	if err != nil {
		log.Fatal(err)
	}
	if err := duplicates.CreateTable(context.Background()); err != nil {
		log.Fatal(err)
	}
	secret, err := signer.ParseSecret(ours)
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}, Duplicates: duplicates})
	if err != nil {
		log.Fatal(err)
	}
	hooks := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("handled", signer.ID(r.Context()))
		w.WriteHeader(http.StatusNoContent)
	}))

	for range 2 { // the answer to the first was lost on the way
		w := httptest.NewRecorder()
		hooks.ServeHTTP(w, delivery("evt_1", `{"type":"order.paid"}`))
		fmt.Println(w.Code)
	}
	// Output:
	// handled evt_1
	// 204
	// 200
}

// The change and the memory of the webhook are one transaction.
func ExampleDeduplicator_ClaimTx() {
	ctx := context.Background()
	db, remove := receiversDatabase()
	defer remove()
	if _, err := db.ExecContext(ctx, "CREATE TABLE orders (id TEXT PRIMARY KEY)"); err != nil {
		log.Fatal(err)
	}
	duplicates, err := sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.SQLite})
	if err != nil {
		log.Fatal(err)
	}
	if err := duplicates.CreateTable(ctx); err != nil {
		log.Fatal(err)
	}
	handle := func(ctx context.Context, ev signer.Event) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after Commit it does nothing
		if fresh, err := duplicates.ClaimTx(ctx, tx, ev.ID); err != nil || !fresh {
			return err // nil for a repetition: it was handled
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES ($1)", ev.ID); err != nil {
			return err
		}
		return tx.Commit()
	}
	router, err := signer.NewRouter(signer.RouterConfig{Routes: map[string]signer.Handler{"order.*": handle}})
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifier(ours)
	if err != nil {
		log.Fatal(err)
	}
	hooks := v.Middleware(router)

	for range 2 {
		w := httptest.NewRecorder()
		hooks.ServeHTTP(w, delivery("evt_1", `{"type":"order.paid"}`))
		fmt.Println(w.Code)
	}
	var orders int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&orders); err != nil {
		log.Fatal(err)
	}
	fmt.Println(orders, "order")
	// Output:
	// 204
	// 204
	// 1 order
}
