package jwe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
)

// A receiver makes a key, gives the public half to the sender, and sees payloads as
// they were.
func Example() {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := jwe.NewPrivateKey(pair, "2026-03") // keep key.Reveal() with your secrets
	if err != nil {
		log.Fatal(err)
	}
	_ = key.PublicJWK() // is for the sender: webhook.Encryption{JWK: …}

	decrypter, err := jwe.NewDecrypter(key)
	if err != nil {
		log.Fatal(err)
	}
	secret, _ := signer.NewSecret()
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}, Decrypter: decrypter})
	if err != nil {
		log.Fatal(err)
	}
	hooks := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("Content-Type"), string(body))
	}))

	// What the sender does.
	sender, err := jwe.NewEncrypter(&pair.PublicKey, "2026-03")
	if err != nil {
		log.Fatal(err)
	}
	body, err := sender.Encrypt([]byte(`{"type":"invoice.paid"}`), "application/json")
	if err != nil {
		log.Fatal(err)
	}
	now := time.Now()
	value, _ := signer.Header(context.Background(), "evt_1", now, body, secret)
	r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/jose")
	r.Header.Set(signer.HeaderID, "evt_1")
	r.Header.Set(signer.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(signer.HeaderSignature, value)
	hooks.ServeHTTP(httptest.NewRecorder(), r)
	// Output: application/json {"type":"invoice.paid"}
}
