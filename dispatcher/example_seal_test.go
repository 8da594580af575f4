package dispatcher_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// keyring is a keyring that seals with the first key and opens what any has sealed. A host
// reads its own with seal.LoadKeyring or seal.ParseKeyring.
func keyring(primary seal.Key, old ...seal.Key) *seal.Keyring {
	kr, err := seal.NewKeyring(primary, old...)
	if err != nil {
		log.Fatal(err)
	}
	return kr
}

// The keyring gets a new key, and everything in the database is sealed by it anew.
func ExampleDispatcher_Reseal() {
	ctx := context.Background()
	st, old, fresh := memstore.New(), seal.NewKey(), seal.NewKey()
	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring(old)})
	if err != nil {
		log.Fatal(err)
	}
	subscribe(manage.New(d), webhook.Endpoint{URL: "https://acme.example/hooks"}) // its secret is sealed

	// After a restart with both keys, the new one first:
	d, err = dispatcher.New(st, dispatcher.Config{Keyring: keyring(fresh, old)})
	if err != nil {
		log.Fatal(err)
	}
	done, err := d.Reseal(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sealed anew:", done.Sealed > 0, "not opened:", done.Unopened)

	// The old key can go once nothing is sealed by it.
	keys, err := d.KeysInUse(ctx)
	fmt.Println("old:", keys[old.ID()], "new:", keys[fresh.ID()] > 0, err)
	// Output:
	// sealed anew: true not opened: 0
	// old: 0 new: true <nil>
}

// Payloads, and what receivers answer, are unreadable in the database.
func ExampleConfig_sealPayloads() {
	ctx := context.Background()
	st := memstore.New()
	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring(seal.NewKey()), SealPayloads: true})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := d.Publish(ctx, webhook.Event{
		Tenant: "acme", Type: "user.registered", Data: []byte(`{"email":"ada@acme.example"}`),
		Subject: "user/7", // whose keys Erase deletes
	})
	if err != nil {
		log.Fatal(err)
	}

	stored, err := st.Event(ctx, "acme", receipt.EventID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("readable in the database:", bytes.Contains(stored.Data, []byte("ada")))
	ev, err := manage.New(d).Event(ctx, "acme", receipt.EventID)
	fmt.Println(string(ev.Data), err)
	// Output:
	// readable in the database: false
	// {"email":"ada@acme.example"} <nil>
}
