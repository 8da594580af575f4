package signer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
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

// A receiver that expects the signatures of GitHub's webhooks. The vector is that
// of GitHub's documentation.
func ExampleGitHub() {
	secret, err := signer.ParseTextSecret("It's a Secret to Everybody")
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Scheme: signer.GitHub(), TextSecrets: []signer.TextSecret{secret}})
	if err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	header.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	fmt.Println(v.Verify(header, []byte("Hello, World!")))
	// Output: <nil>
}

// Signing as Stripe does, with the old secret beside the new one.
func ExampleScheme_Value() {
	scheme, err := signer.Stripe("Acme-Signature")
	if err != nil {
		log.Fatal(err)
	}
	fresh, _ := signer.ParseTextSecret("whsec_the-new-secret-of-an-example")
	old, _ := signer.ParseTextSecret("whsec_the-old-secret-of-an-example")
	value, err := scheme.Value(time.Unix(1700000000, 0), []byte("{}"), fresh, old)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scheme.Header())
	for _, element := range strings.Split(value, ",") {
		fmt.Println(element)
	}
	// Output:
	// Acme-Signature
	// t=1700000000
	// v1=6cc348ace0296d5ba4afe9f87bf06a91ce1c652c5d059e3f9ac7358df9cf62b2
	// v1=da71838e7df45b773a0e98120db72da0ad2feba1a48149a06d5993381cf272e1
}
