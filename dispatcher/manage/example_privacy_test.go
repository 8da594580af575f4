package manage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Everything about a person is gone: events, deliveries, attempts, keys.
func ExampleManager_Erase() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)() // a process that delivers does it, whichever
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	publish(d, webhook.Event{Type: "user.registered", Data: []byte(`{"email":"ada@acme.example"}`), Subject: "user/7"})

	erased, err := m.Erase(ctx, "acme", "user/7")
	if err != nil {
		log.Fatal(err)
	}
	for tick := time.Tick(time.Second); erased.State == store.JobRunning; <-tick { // with much to erase
		if erased, err = m.Erasure(ctx, "acme", erased.Job); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(erased.State, "events:", erased.Events, "deliveries:", erased.Deliveries)

	left, err := m.FindEvents(ctx, "acme", manage.EventQuery{Subject: "user/7"}, store.Page{})
	fmt.Println("left:", len(left.Items), err)
	// Output:
	// done events: 1 deliveries: 1
	// left: 0 <nil>
}

// A person gets a copy of what is kept about them.
func ExampleManager_ExportSubject() {
	m, d := newManager()
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	publish(d, webhook.Event{Type: "user.registered", Data: []byte(`{"email":"ada@acme.example"}`), Subject: "user/7"})

	var file bytes.Buffer // any io.Writer: it is written a line at a time
	written, err := m.ExportSubject(context.Background(), "acme", "user/7", &file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(written.Events, "event", written.Deliveries, "delivery")
	for lines := json.NewDecoder(&file); lines.More(); {
		var line struct{ Kind string }
		if err := lines.Decode(&line); err != nil {
			log.Fatal(err)
		}
		fmt.Println(line.Kind)
	}
	// Output:
	// 1 event 1 delivery
	// event
	// delivery
}
