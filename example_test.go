package postrider_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// Invoice is a payload of the host's.
type Invoice struct {
	ID    string `json:"id"`
	Total int    `json:"total"`
}

// onThisMachine lets deliveries go to the receivers of these examples. Leave it
// out, and they go to public addresses over https only.
var onThisMachine = transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}

// folder returns a new folder, and a function that removes it.
func folder() (path string, remove func()) {
	path, err := os.MkdirTemp("", "postrider")
	if err != nil {
		log.Fatal(err)
	}
	return path, func() { os.RemoveAll(path) }
}

// The whole flow in one process: keep webhooks in a file, create an endpoint,
// publish an event, and deliver it to a receiver that verifies it.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dir, remove := folder()
	defer remove()

	keyring, err := seal.LoadKeyring(filepath.Join(dir, "postrider.key")) // made on first start: back it up
	if err != nil {
		log.Fatal(err)
	}
	st, err := sqlite.Open(ctx, filepath.Join(dir, "webhooks.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring, Logger: zap.NewNop(), HTTP: onThisMachine})
	if err != nil {
		log.Fatal(err)
	}
	m := manage.New(d)

	// The receiver's URL is known first, its secret after the endpoint was created.
	receiver := http.NewServeMux()
	srv := httptest.NewServer(receiver)
	defer srv.Close()

	ep, secret, err := m.CreateEndpoint(ctx, webhook.Endpoint{
		Tenant: "acme", URL: srv.URL + "/hooks",
		EventTypes: []string{"invoice.*"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ep.Status, secret) // secret.Reveal() is shown once

	v, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	receiver.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		fmt.Println("an invoice arrived")
		stop()
	})))

	ev, err := webhook.NewEvent("acme", "invoice.paid", Invoice{ID: "inv_1", Total: 4200})
	if err != nil {
		log.Fatal(err)
	}
	ev.IdempotencyKey = "invoice.paid/inv_1"
	for range 2 { // the second time changes nothing
		receipt, err := d.Publish(ctx, ev)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(receipt.Deliveries, "delivery, duplicate:", receipt.Duplicate)
	}

	if err := d.Run(ctx); err != nil { // delivers until ctx ends, then drains
		log.Fatal(err)
	}
	// Output:
	// active ***
	// 1 delivery, duplicate: false
	// 1 delivery, duplicate: true
	// an invoice arrived
}

// An event that is published in the host's own transaction is sent if, and only
// if, the transaction commits.
func Example_transaction() {
	ctx := context.Background()
	dir, remove := folder()
	defer remove()
	st, err := sqlite.Open(ctx, filepath.Join(dir, "webhooks.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: onThisMachine})
	if err != nil {
		log.Fatal(err)
	}
	db := st.DB() // or sql.Open("sqlite", sqlite.DSN("webhooks.db"))
	if _, err := db.ExecContext(ctx, `CREATE TABLE invoices (id TEXT PRIMARY KEY, paid BOOLEAN)`); err != nil {
		log.Fatal(err)
	}

	pay := func(id string) error {
		ev, err := webhook.NewEvent("acme", "invoice.paid", Invoice{ID: id, Total: 4200})
		if err != nil {
			return err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after Commit it does nothing
		if _, err := d.PublishTx(ctx, st.Tx(tx), ev); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO invoices (id, paid) VALUES (?, true)`, id); err != nil {
			return err // the event goes with it
		}
		return tx.Commit()
	}
	for _, id := range []string{"inv_1", "inv_1", "inv_2"} {
		fmt.Println(id, "paid:", pay(id) == nil)
	}

	var events int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM postrider_events`).Scan(&events); err != nil {
		log.Fatal(err)
	}
	fmt.Println(events, "events")
	// Output:
	// inv_1 paid: true
	// inv_1 paid: false
	// inv_2 paid: true
	// 2 events
}

// A receiver imports package signer alone. While its secret is being rotated it
// accepts the old one and the new one.
func Example_receiver() {
	os.Setenv("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	defer os.Unsetenv("WEBHOOK_SECRET")

	v, err := signer.NewVerifier(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("handle once:", signer.ID(r.Context()))
	})))

	srv := httptest.NewServer(mux)
	defer srv.Close()
	resp, err := http.Post(srv.URL+"/hooks", "application/json", nil) // a forgery
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 401 Unauthorized
}
