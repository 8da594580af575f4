package signer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postrider/postrider/signer"
)

// A receiver that handles each event once, by its type.
func ExampleRouter() {
	type invoice struct {
		ID    string `json:"id"`
		Total int    `json:"total"`
	}
	memory, err := signer.NewMemory(signer.MemoryConfig{}) // package sqldedup for several processes
	if err != nil {
		log.Fatal(err)
	}
	router, err := signer.NewRouter(signer.RouterConfig{
		Duplicates: memory,
		Routes: map[string]signer.Handler{
			"invoice.paid": signer.Typed(func(_ context.Context, ev signer.Event, inv invoice) error {
				fmt.Println(ev.ID, inv.ID, inv.Total)
				return nil
			}),
			"user.*": func(_ context.Context, ev signer.Event) error {
				fmt.Println(ev.ID, ev.Type)
				return nil
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	secret, _ := signer.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	v, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	hooks := v.Middleware(router)

	for range 2 { // the second time it is a repetition
		w := httptest.NewRecorder()
		hooks.ServeHTTP(w, newDelivery(secret, time.Now(), `{"type":"invoice.paid","data":{"id":"inv_1","total":4200}}`))
		fmt.Println(w.Code)
	}
	// Output:
	// evt_1 inv_1 4200
	// 204
	// 204
}

// Only the sender's addresses get through to the verifier. Behind a proxy, name it.
func ExampleAllowList() {
	v, err := signer.NewVerifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	fromSender, err := signer.AllowList(signer.AllowListConfig{
		Allow:          []string{"203.0.113.0/24"},
		TrustedProxies: []string{"10.0.0.0/8"},
	})
	if err != nil {
		log.Fatal(err)
	}
	hooks := fromSender(v.Middleware(http.NotFoundHandler()))

	r := httptest.NewRequest(http.MethodPost, "/hooks", nil)
	r.RemoteAddr = "198.51.100.1:4711"
	w := httptest.NewRecorder()
	hooks.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 403 Address is not allowed.
}
