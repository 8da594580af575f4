package webhook_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/webhook"
)

func ExampleNewEvent() {
	type Invoice struct {
		ID    string `json:"id"`
		Total int    `json:"total"`
	}
	ev, err := webhook.NewEvent("acme", "invoice.paid", Invoice{ID: "inv_1", Total: 4200})
	if err != nil {
		fmt.Println(err)
		return
	}
	ev.IdempotencyKey = "invoice.paid/inv_1" // publishing it again changes nothing
	fmt.Println(ev.Type, string(ev.Data))

	_, err = webhook.NewEvent("acme", "invoice paid", Invoice{})
	if inv, ok := errors.AsType[*webhook.InvalidError](err); ok {
		fmt.Println(inv.Fields[0].Field, inv.Fields[0].Code)
	}
	// Output:
	// invoice.paid {"id":"inv_1","total":4200}
	// type event_type_invalid
}

func ExampleMatchPattern() {
	fmt.Println(webhook.MatchPattern("invoice.*", "invoice.paid"))
	fmt.Println(webhook.MatchPattern("invoice.*", "invoice.paid.late"))
	fmt.Println(webhook.MatchPattern("invoice.*", "invoice"))
	fmt.Println(webhook.MatchPattern("*", "invoice.paid"))
	fmt.Println(webhook.MatchPattern("*", "webhook.endpoint.paused")) // must be named
	// Output:
	// true
	// true
	// false
	// true
	// false
}

func ExampleRetryPolicy() {
	p := webhook.RetryPolicy{Initial: 10 * time.Second, MaxInterval: time.Minute, MaxAttempts: 5}
	for done := range p.Attempts() {
		wait, _ := p.Wait(done, 0.5) // 0.5 is the middle of the jitter
		fmt.Printf("attempt %d after %v\n", done+1, wait)
	}
	// Output:
	// attempt 1 after 0s
	// attempt 2 after 10s
	// attempt 3 after 20s
	// attempt 4 after 40s
	// attempt 5 after 1m0s
}
