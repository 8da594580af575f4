// Command cel sends webhooks, with filters and transforms. It is built and never run: its size is what counts.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"html/template"
	"net/http"
	"os"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

func main() {
	// What every service has.
	var page bytes.Buffer
	check(template.Must(template.New("").Parse("{{.}}")).Execute(&page, "a page"))
	db, err := sql.Open(os.Getenv("DRIVER"), os.Getenv("DATABASE"))
	check(err)
	fmt.Println(page.String(), db.Stats())
	ctx := context.Background()
	st := memstore.New()
	engine, err := celexpr.New()
	check(err)
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, Expressions: engine})
	check(err)
	m := manage.New(d)
	ep, secret, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: os.Getenv("URL")})
	check(err)
	fmt.Println(ep.ID, secret.Reveal())
	receipt, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid"})
	check(err)
	fmt.Println(receipt)
	go func() { check(d.Run(ctx)) }()
	check(http.ListenAndServe(os.Getenv("ADDRESS"), nil))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
