package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
)

// order is the payload of most events.
type order struct {
	ID       string   `json:"id"`
	Customer string   `json:"customer"`
	Total    int      `json:"total"`
	Notes    []string `json:"notes"`
}

// The types of the events. Receivers subscribe to a whole group, "invoice.*".
var eventTypes = []string{
	"invoice.paid", "invoice.overdue", "user.registered", "user.logged_in",
	"report.ready", "sms.delivered", "campaign.started", "system.maintenance",
}

// refundType is published one at a time; see publishAll.
const refundType = "refund.approved"

var customers = []string{"Łucja Żółw", "Jürgen Groß", "山田 花子", "Zoë O’Brien", "أحمد", "plain Jane"}

// newEvent returns the n-th event: 1 to 20 KiB, some of it text that is not
// ASCII, and every third laid out with spaces and line ends, which must survive.
func newEvent(n int, eventType string) (webhook.Event, error) {
	o := order{
		ID:       fmt.Sprintf("ord_%05d", n),
		Customer: customers[n%len(customers)],
		Total:    100 + n,
		Notes:    []string{"<b>5 > 3 & 2</b>", "日本語のメモ", "naïve café 🎉"},
	}
	for size := 1<<10 + n*7919%(18<<10); size > 0; size -= 64 {
		o.Notes = append(o.Notes, strings.Repeat("note ", 12))
	}
	if n%3 > 0 {
		return webhook.NewEvent(tenant, eventType, o)
	}
	laidOut, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return webhook.Event{}, err
	}
	return webhook.NewEvent(tenant, eventType, json.RawMessage(laidOut))
}

// hash identifies a payload: what arrives must be what was published, byte for
// byte.
type hash [sha256.Size]byte

// ledger is what was published, by event id.
type ledger struct {
	mu     sync.Mutex
	events map[string]sentEvent
}

type sentEvent struct {
	eventType string
	data      hash
}

func newLedger() *ledger { return &ledger{events: make(map[string]sentEvent)} }

func (l *ledger) add(id string, ev webhook.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[id] = sentEvent{ev.Type, sha256.Sum256(ev.Data)}
}

// matching returns what was published of the types that an endpoint subscribes to.
func (l *ledger) matching(ep *webhook.Endpoint) map[string]sentEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	matching := make(map[string]sentEvent)
	for id, s := range l.events {
		if ep.Matches(s.eventType, "") {
			matching[id] = s
		}
	}
	return matching
}

func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// publishAll publishes all events of a demo.
func publishAll(ctx context.Context, d *dispatcher.Dispatcher, show demo, l *ledger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	refunds := show.events / 25
	var errs [2]error
	var publishing sync.WaitGroup
	publishing.Go(func() {
		if errs[0] = publishBusy(ctx, d, l, show.events-refunds); errs[0] != nil {
			cancel()
		}
	})
	// The flaky receiver refuses each refund twice. Five failures in a row would
	// open its circuit breaker and hold it back for seconds, so refunds come one
	// after the other.
	publishing.Go(func() {
		if errs[1] = publishRefunds(ctx, d, show, l, refunds); errs[1] != nil {
			cancel()
		}
	})
	publishing.Wait()
	return errors.Join(errs[0], errs[1])
}

// publishBusy publishes n events of all types from eight goroutines. Those that
// call Publish at the same time share a commit.
func publishBusy(ctx context.Context, d *dispatcher.Dispatcher, l *ledger, n int) error {
	var next atomic.Int64
	errs := make([]error, 8)
	var publishing sync.WaitGroup
	for i := range errs {
		publishing.Go(func() {
			for k := int(next.Add(1)); k <= n && errs[i] == nil; k = int(next.Add(1)) {
				_, errs[i] = publish(ctx, d, l, k, eventTypes[k%len(eventTypes)])
			}
		})
	}
	publishing.Wait()
	return errors.Join(errs...)
}

// publishRefunds publishes n refunds, each when the one before has been accepted.
func publishRefunds(ctx context.Context, d *dispatcher.Dispatcher, show demo, l *ledger, n int) error {
	for k := range n {
		id, err := publish(ctx, d, l, k, refundType)
		if err != nil {
			return err
		}
		for !refundAccepted(show.receivers, id) {
			select {
			case <-ctx.Done():
				return nil // the report says what is missing
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

// publish publishes an event. When it returns, event and deliveries are on disk.
func publish(ctx context.Context, d *dispatcher.Dispatcher, l *ledger, n int, eventType string) (id string, err error) {
	ev, err := newEvent(n, eventType)
	if err != nil {
		return "", err
	}
	// With a key, repeating a Publish whose answer was lost changes nothing.
	ev.IdempotencyKey = fmt.Sprintf("%s/%d", eventType, n)
	receipt, err := d.Publish(ctx, ev)
	if err != nil {
		return "", err
	}
	l.add(receipt.EventID, ev)
	return receipt.EventID, nil
}
