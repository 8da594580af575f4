package sharded_test

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/webhook"
)

func Example() {
	ctx := context.Background()
	// In production each is a database of its own, such as postgres.New(ctx, pool, cfg).
	st, err := sharded.New(ctx, map[string]store.Store{"eu-1": memstore.New(), "eu-2": memstore.New()})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(st, dispatcher.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"acme", "globex"} {
		ev, err := webhook.NewEvent(tenant, "invoice.paid", map[string]int{"total": 4200})
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := d.Publish(ctx, ev); err != nil {
			fmt.Println(err)
			return
		}
		name, err := st.Shard(ctx, tenant)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tenant, "is on", name)
	}
	// Output:
	// acme is on eu-1
	// globex is on eu-2
}
