package telecom_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
)

// The ready-made types, beside which a host registers its own. Payloads are structs of this
// package.
func ExampleRegister() {
	types := catalog.New()
	if err := telecom.Register(types); err != nil {
		log.Fatal(err)
	}
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{EventTypes: types.Types()})
	if err != nil {
		log.Fatal(err)
	}

	answered := telecom.CallAnswered{CallID: "call_1", AnsweredBy: "human", RingSeconds: 4, AnsweredAt: time.Now()}
	for _, by := range []string{"human", "parrot"} {
		answered.AnsweredBy = by
		ev, err := webhook.NewEvent("acme", "voice.answered", answered)
		if err != nil {
			log.Fatal(err)
		}
		_, err = d.Publish(context.Background(), ev)
		fmt.Println(by, err)
	}
	// Output:
	// human <nil>
	// parrot data/answered_by: Must be one of human, machine, unknown.
}
