package transport_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
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

// A transport of the host's own, in the place of HTTP (dispatcher.Config.Transport): it sends
// to a queue. Package transporttest checks whether one keeps what a Transport promises.
func ExampleTransportFunc() {
	queue := make(chan *transport.Request, 1) // stands for the queue's client
	var toQueue transport.Transport = transport.TransportFunc(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
		select {
		case queue <- req:
			return &transport.Response{StatusCode: http.StatusAccepted}, nil
		case <-ctx.Done(): // the context's deadline is the attempt's
			return nil, &transport.Error{Class: webhook.ClassTimeout, Err: ctx.Err()}
		}
	})

	req := &transport.Request{URL: "https://queue.example/invoices", Body: []byte(`{"total":4200}`)}
	resp, err := toQueue.Send(context.Background(), req)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, string((<-queue).Body))

	ctx, cancel := context.WithCancel(context.Background())
	queue <- req // it is full
	cancel()
	_, err = toQueue.Send(ctx, req)
	fmt.Println(err)
	// Output:
	// 202 {"total":4200}
	// timeout: context canceled
}
