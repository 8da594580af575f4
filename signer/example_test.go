package signer_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/signer"
)

// A receiver puts one middleware in front of its handler.
func Example() {
	_ = os.Setenv("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") // yours comes from the sender

	v, err := signer.NewVerifier(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s: %s\n", signer.ID(r.Context()), body)
		_, _ = fmt.Fprint(w, "thank you")
	})))

	// What arrives, once signed and once not.
	id, now, body := "evt_1", time.Now(), `{"type":"invoice.paid"}`
	secret, _ := signer.ParseSecret(os.Getenv("WEBHOOK_SECRET"))
	value, _ := signer.Header(context.Background(), id, now, []byte(body), secret)
	for _, signature := range []string{value, "v1,forged"} {
		r := httptest.NewRequest("POST", "/hooks", strings.NewReader(body))
		r.Header.Set(signer.HeaderID, id)
		r.Header.Set(signer.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		r.Header.Set(signer.HeaderSignature, signature)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// evt_1: {"type":"invoice.paid"}
	// 200 thank you
	// 401 Signature verification failed. Check your secret key.
}

func ExampleSecret_Sign() {
	secret, err := signer.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	token, err := secret.Sign(context.Background(), "msg_p5jXN8AQM9LWM0D4loKWxJek",
		time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	fmt.Println(token, err)
	fmt.Println("the secret itself prints as", secret)
	// Output:
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= <nil>
	// the secret itself prints as ***
}

// While a secret is rotated, the sender signs with both and the receiver takes
// either, so neither has to wait for the other.
func ExampleNewVerifier_rotation() {
	oldSecret, _ := signer.NewSecret()
	newSecret, _ := signer.NewSecret()
	id, now, body := "evt_1", time.Now(), []byte(`{}`)

	value, err := signer.Header(context.Background(), id, now, body, newSecret, oldSecret)
	if err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	header.Set(signer.HeaderID, id)
	header.Set(signer.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(signer.HeaderSignature, value)

	before, _ := signer.NewVerifier(oldSecret.Reveal())
	during, _ := signer.NewVerifier(newSecret.Reveal(), oldSecret.Reveal())
	after, _ := signer.NewVerifier(newSecret.Reveal())
	fmt.Println(before.Verify(header, body), during.Verify(header, body), after.Verify(header, body))
	// Output: <nil> <nil> <nil>
}

// With v1a the receiver holds nothing that could sign.
func ExamplePrivateKey() {
	key, err := signer.NewPrivateKey()
	if err != nil {
		log.Fatal(err)
	}
	id, now, body := "evt_1", time.Now(), []byte(`{}`)
	value, err := signer.Header(context.Background(), id, now, body, key)
	if err != nil {
		log.Fatal(err)
	}

	v, err := signer.NewVerifier(key.Public().String()) // whpk_…
	if err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	header.Set(signer.HeaderID, id)
	header.Set(signer.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(signer.HeaderSignature, value)
	fmt.Println(v.Verify(header, body))
	// Output: <nil>
}

// The receiver's own log may know why; the sender is not told.
func ExampleNewVerifierWith() {
	secret, _ := signer.NewSecret()
	v, err := signer.NewVerifierWith(signer.VerifierConfig{
		Secrets:   []signer.Secret{secret},
		Tolerance: time.Minute,
		OnReject:  func(_ *http.Request, reason error) { fmt.Println("log:", reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	v.Middleware(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("POST", "/hooks", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// log: signer: missing header: webhook-id
	// 401 Signature verification failed. Check your secret key.
}
