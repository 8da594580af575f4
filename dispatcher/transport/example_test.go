package transport_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// An internal authority is trusted beside the public ones.
func ExampleNewHTTP() {
	roots, err := x509.SystemCertPool()
	if err != nil {
		log.Fatal(err)
	}
	if pem, err := os.ReadFile("internal-ca.pem"); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	t, err := transport.NewHTTP(transport.HTTPConfig{RootCAs: roots})
	if err != nil {
		log.Fatal(err)
	}
	defer t.CloseIdleConnections()

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, err = t.Send(ctx, &transport.Request{URL: "https://10.0.0.7/hook", Body: []byte(`{}`)})
	var e *transport.Error
	if errors.As(err, &e) && e.Class == webhook.ClassBlockedAddress {
		fmt.Println(err)
	}
	// Output: blocked_address: destination address is not allowed
}
