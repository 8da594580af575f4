package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// The file is made if there is none, and brought up to date. What was published is there
// after a restart.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "postrider")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "webhooks.db")

	st, err := sqlite.Open(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	keyring, err := seal.LoadKeyring(filepath.Join(dir, "postrider.key")) // it seals secrets: back it up
	if err != nil {
		log.Fatal(err)
	}
	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)})
	if err != nil {
		log.Fatal(err)
	}
	if err := st.Close(); err != nil { // after d.Run has returned
		log.Fatal(err)
	}

	st, err = sqlite.Open(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	ev, err := st.Event(ctx, "acme", receipt.EventID)
	fmt.Println(ev.Type, string(ev.Data), err)
	// Output: invoice.paid {"total":4200} <nil>
}
