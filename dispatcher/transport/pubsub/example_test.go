package pubsub_test

import (
	"context"
	"fmt"
	"log"

	gopubsub "gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/mempubsub" // the driver of the host's choice

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/pubsub"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// A tenant's events go to a topic, and whoever receives them verifies them.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if _, err := gopubsub.OpenTopic(ctx, "mem://acme"); err != nil {
		log.Fatal(err)
	}
	subscription, err := gopubsub.OpenSubscription(ctx, "mem://acme")
	if err != nil {
		log.Fatal(err)
	}

	queues, err := pubsub.New(pubsub.Config{Open: gopubsub.OpenTopic, Allow: func(tenant, url string) bool { return url == "mem://"+tenant }})
	if err != nil {
		log.Fatal(err)
	}
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{Schemes: map[string]transport.Scheme{"mem": queues}})
	if err != nil {
		log.Fatal(err)
	}
	_, secret, err := manage.New(d).CreateEndpoint(ctx, webhook.Endpoint{Tenant: "acme", URL: "mem://acme"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"total":4200}`)}); err != nil {
		log.Fatal(err)
	}

	verifier, err := signer.NewVerifier(secret.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer stop()
		msg, err := subscription.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("genuine:", verifier.Verify(pubsub.Header(msg.Metadata), msg.Body) == nil)
		msg.Ack()
	}()
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	if err := queues.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: genuine: true
}
