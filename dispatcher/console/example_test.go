package console_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// The console below a prefix of the host's router, behind the host's login, and in its
// colours.
func ExampleNew() {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ui, err := console.New(manage.New(d), console.Config{
		Authenticate: func(*http.Request) (webhook.Principal, error) { // who has the session of the host's cookie
			return webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Actor: "ada"}, nil
		},
		Brand: console.Brand{
			Name: "Acme Webhooks", Accent: "#7a1fa2", AccentDark: "#ce93d8",
			Logo: logo("logo.svg"), // an embed.FS
		},
		FrameAncestors: []string{"https://app.acme.example"}, // whose pages may embed it
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/settings/webhooks/", http.StripPrefix("/settings/webhooks", ui))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	resp, err := http.Get(srv.URL + "/settings/webhooks/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
	fmt.Println("branded:", strings.Contains(string(page), "Acme Webhooks"))
	// Output:
	// 200 OK text/html; charset=utf-8
	// branded: true
}
