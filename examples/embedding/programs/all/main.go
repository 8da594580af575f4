// Command all has all of it. It is built and never run: its size is what counts.
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
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
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
	file, err := sqlite.Open(ctx, os.Getenv("DATABASE"))
	check(err)
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE"))
	check(err)
	check(postgres.Migrate(ctx, pool, postgres.Config{}))
	server, err := postgres.New(ctx, pool, postgres.Config{})
	check(err)
	var st store.Store = file
	if os.Getenv("SERVER") != "" {
		st = server
	}
	engine, err := celexpr.New()
	check(err)
	types := catalog.New()
	check(catalog.Register(types, webhook.EventType{Name: "invoice.paid"}, struct{ Total int }{4200}))
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, Expressions: engine, EventTypes: types.Types()})
	check(err)
	m := manage.New(d)
	ep, secret, err := m.CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: os.Getenv("URL")})
	check(err)
	fmt.Println(ep.ID, secret.Reveal())
	receipt, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid"})
	check(err)
	fmt.Println(receipt)
	go func() { check(d.Run(ctx)) }()
	api, err := httpapi.New(m, httpapi.Config{Authenticate: func(*http.Request) (webhook.Principal, error) { return webhook.Principal{}, webhook.ErrForbidden }})
	check(err)
	http.Handle("/api/", api)
	ui, err := console.New(m, console.Config{Authenticate: func(*http.Request) (webhook.Principal, error) { return webhook.Principal{}, webhook.ErrForbidden }})
	check(err)
	http.Handle("/", ui)
	check(http.ListenAndServe(os.Getenv("ADDRESS"), nil))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
