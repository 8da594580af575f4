package manage_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// A type that people register, such as in the console: payloads are checked by its schema,
// and what is redacted is delivered, but not shown.
func ExampleManager_RegisterEventType() {
	ctx := context.Background()
	m, d := newManager()
	_, err := m.RegisterEventType(ctx, webhook.EventType{
		Name: "user.registered", Group: "Users", Description: "Somebody has an account.",
		Schemas: []webhook.SchemaVersion{{Schema: []byte(`{"type":"object","required":["email"]}`)}},
		Example: []byte(`{"email":"ada@acme.example"}`),
		Redact:  []string{"/email"},
	})
	if err != nil {
		log.Fatal(err)
	}

	_, err = d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "user.registered", Data: []byte(`{}`)})
	fmt.Println(err)
	receipt := publish(d, webhook.Event{Type: "user.registered", Data: []byte(`{"email":"bob@acme.example"}`)})
	ev, err := m.Event(ctx, "acme", receipt.EventID)
	fmt.Println(string(ev.Data), err)
	// Output:
	// data/email: Is required.
	// {"email":"***"} <nil>
}

// A new version of a schema that would break receivers is refused, with what breaks.
func ExampleManager_AddSchema() {
	ctx := context.Background()
	m, _ := newManager()
	_, err := m.RegisterEventType(ctx, webhook.EventType{
		Name:    "invoice.paid",
		Schemas: []webhook.SchemaVersion{{Schema: []byte(`{"type":"object","properties":{"total":{"type":"integer"}},"required":["total"]}`)}},
		Example: []byte(`{"total":4200}`),
	})
	if err != nil {
		log.Fatal(err)
	}

	next := manage.NewSchema{
		Schema:  []byte(`{"type":"object","properties":{"total":{"type":"string"}}}`),
		Example: []byte(`{"total":"42.00"}`),
	}
	_, err = m.AddSchema(ctx, "invoice.paid", next)
	var breaking *manage.BreakingError
	if errors.As(err, &breaking) {
		for _, c := range breaking.Changes {
			fmt.Println(c)
		}
	}

	next.AllowBreaking = true // once the receivers know
	t, err := m.AddSchema(ctx, "invoice.paid", next)
	fmt.Println("versions:", len(t.Schemas), err)
	// Output:
	// /total: Is string now; it was integer.
	// /total: May be missing now.
	// versions: 2 <nil>
}

// A type that has had its day: first nobody should begin to use it, then it is not
// published any more.
func ExampleManager_DeprecateEventType() {
	ctx := context.Background()
	m, d := newManager()
	if _, err := m.RegisterEventType(ctx, webhook.EventType{Name: "invoice.payed"}); err != nil {
		log.Fatal(err)
	}
	t, err := m.DeprecateEventType(ctx, "invoice.payed", "invoice.paid")
	fmt.Println("deprecated:", t.Deprecated, "for", t.DeprecatedFor, err)
	publish(d, webhook.Event{Type: "invoice.payed", Data: []byte(`{}`)}) // goes on

	if _, err := m.ArchiveEventType(ctx, "invoice.payed"); err != nil {
		log.Fatal(err)
	}
	_, err = d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.payed", Data: []byte(`{}`)})
	fmt.Println(err)
	// Output:
	// deprecated: true for invoice.paid <nil>
	// type: Event type is archived.
}
