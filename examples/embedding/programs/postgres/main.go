// Command postgres sends webhooks and keeps them in PostgreSQL. It is built and never run: its size is what counts.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"html/template"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/webhook"
)

func main() {
	// What every service has.
	var page bytes.Buffer
	check(template.Must(template.New("").Parse("{{.}}")).Execute(&page, "a page"))
	db, err := sql.Open(os.Getenv("DRIVER"), os.Getenv("DATABASE"))
	check(err)
	fmt.Println(page.String(), db.Stats())
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE"))
	check(err)
	check(postgres.Migrate(ctx, pool, postgres.Config{}))
	st, err := postgres.New(ctx, pool, postgres.Config{})
	check(err)
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
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
