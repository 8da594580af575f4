package memstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// A store for tests, which needs no keyring since nothing is kept. Its transactions stand for
// those of a database.
func ExampleNew() {
	ctx := context.Background()
	st := memstore.New()
	d, err := dispatcher.New(st, dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}

	tx := st.Begin()
	receipt, err := d.PublishTx(ctx, tx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)})
	if err != nil {
		log.Fatal(err)
	}
	_, err = st.Event(ctx, "acme", receipt.EventID)
	fmt.Println("before Commit:", err)

	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
	ev, err := st.Event(ctx, "acme", receipt.EventID)
	fmt.Println("after it:", string(ev.Data), err)
	// Output:
	// before Commit: read event: not found
	// after it: {"total":4200} <nil>
}
