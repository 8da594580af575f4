package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
)

// OrderShipped is a payload of the host's.
type OrderShipped struct {
	OrderID string `json:"order_id" jsonschema:"minLength=1" jsonschema_description:"Id of the order."`
	Parcels int    `json:"parcels" jsonschema:"minimum=1" jsonschema_description:"How many parcels it is sent in."`
}

// A product describes its events once, in Go. What does not fit is not published.
func ExampleRegister() {
	ctx := context.Background()
	types := catalog.New()
	if err := telecom.Register(types); err != nil { // ready-made ones, if they fit
		log.Fatal(err)
	}
	shipped := webhook.EventType{Name: "order.shipped", Group: "Orders", Description: "An order has left the warehouse."}
	if err := catalog.Register(types, shipped, OrderShipped{OrderID: "ord_1", Parcels: 2}); err != nil {
		log.Fatal(err)
	}
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{EventTypes: types.Types(), UnknownTypes: webhook.UnknownReject})
	if err != nil {
		log.Fatal(err)
	}

	ev, err := webhook.NewEvent("acme", "order.shipped", OrderShipped{OrderID: "ord_7", Parcels: 1})
	if err != nil {
		log.Fatal(err)
	}
	_, err = d.Publish(ctx, ev)
	fmt.Println("published:", err)

	ev.Data = []byte(`{"order_id":"","parcels":"many"}`)
	_, err = d.Publish(ctx, ev)
	var invalid *webhook.InvalidError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			fmt.Println(f.Field, f.Message)
		}
	}

	// Output:
	// published: <nil>
	// data/order_id Must have at least 1 characters.
	// data/parcels Must be of type integer.
}

// A document for tools that make documentation, or a receiver's code, from it.
func ExampleAsyncAPI() {
	types := catalog.New()
	shipped := webhook.EventType{Name: "order.shipped", Group: "Orders", Description: "An order has left the warehouse."}
	if err := catalog.Register(types, shipped, OrderShipped{OrderID: "ord_1", Parcels: 2}); err != nil {
		log.Fatal(err)
	}
	text, err := catalog.AsyncAPI(types.Types(), catalog.Info{Title: "Acme", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}

	var doc struct {
		AsyncAPI   string
		Components struct {
			Messages map[string]struct{ Summary string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		log.Fatal(err)
	}
	fmt.Println(doc.AsyncAPI, doc.Components.Messages)
	// Output: 3.0.0 map[order.shipped:{An order has left the warehouse.}]
}
