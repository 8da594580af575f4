package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// outcome is what came of an endpoint, by the database and by its receiver.
type outcome struct {
	receiver *receiver
	endpoint webhook.Endpoint
	health   manage.Health
	// published is what was to be delivered, byStatus what became of it.
	published map[string]sentEvent
	byStatus  map[webhook.DeliveryStatus]int
	counts    webhook.Counts
	// example is the delivery whose state needs a word most, why that word.
	example *webhook.Delivery
	why     string
}

// report prints what came of everything, and returns an error for each endpoint
// where that is not as it must be.
func report(ctx context.Context, d *dispatcher.Dispatcher, show demo, l *ledger) error {
	t := tabwriter.NewWriter(show.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "endpoint\tevents\tdelivered\tpending\tfailed\tattempts\tp50\tp99\tstate")
	var errs []error
	var failed *outcome
	for _, rc := range show.receivers {
		o, err := lookUp(ctx, d, rc, l)
		if err != nil {
			return fmt.Errorf("look up the %s endpoint: %w", rc.name, err)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", rc.name, len(o.published),
			o.byStatus[webhook.DeliveryDelivered], o.byStatus[webhook.DeliveryPending], o.byStatus[webhook.DeliveryFailed],
			o.counts.Attempts, milliseconds(o.counts.Latency.Quantile(0.5)), milliseconds(o.counts.Latency.Quantile(0.99)), o.state())
		if err := rc.expect(o); err != nil {
			errs = append(errs, fmt.Errorf("%s endpoint: %w", rc.name, err))
		}
		if o.byStatus[webhook.DeliveryFailed] > 0 {
			failed = &o
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if failed != nil {
		fmt.Fprintf(show.out, "\nWhy did %s fail?\n  %s\n", failed.example.ID, failed.why)
	}
	if len(errs) == 0 {
		fmt.Fprintf(show.out, "\nAll %d events are where they should be, once and byte for byte.\n", l.size())
	}
	return errors.Join(errs...)
}

// lookUp reads what an administrator would look at.
func lookUp(ctx context.Context, d *dispatcher.Dispatcher, rc *receiver, l *ledger) (o outcome, err error) {
	m := manage.New(d)
	id := rc.endpoint.ID
	o = outcome{receiver: rc, published: l.matching(&rc.endpoint), byStatus: make(map[webhook.DeliveryStatus]int)}
	if o.endpoint, err = m.Endpoint(ctx, tenant, id); err != nil {
		return o, err
	}
	if o.health, err = m.Health(ctx, tenant, id); err != nil {
		return o, err
	}
	page := store.Page{Limit: store.MaxPage}
	for {
		list, err := m.Deliveries(ctx, tenant, store.DeliveryFilter{Endpoint: id}, page)
		if err != nil {
			return o, err
		}
		for i := range list {
			o.byStatus[list[i].Status]++
			if o.example == nil || list[i].Status == webhook.DeliveryFailed {
				o.example = &list[i]
			}
		}
		if len(list) < page.Limit {
			break
		}
		page.After = list[len(list)-1].ID
	}
	if o.example != nil {
		if o.why, err = m.Why(ctx, tenant, o.example.ID); err != nil {
			return o, err
		}
	}
	minutes, err := d.Store().Stats(ctx, tenant, store.StatScope{Endpoint: id}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for _, minute := range minutes {
		o.counts.Merge(minute.Counts)
	}
	return o, err
}

// state says how the endpoint is, and why.
func (o *outcome) state() string {
	switch {
	case o.endpoint.Status == webhook.EndpointPaused:
		return o.endpoint.StatusReason // "Webhook paused: …"
	case o.health.Breaker != manage.BreakerClosed:
		return fmt.Sprintf("breaker %s: %d failures in a row (%s)", o.health.Breaker, o.health.Failures, classes(o.counts))
	}
	return "active"
}

func classes(c webhook.Counts) string {
	var names []string
	for class := range c.Classes {
		names = append(names, string(class))
	}
	return strings.Join(names, ", ")
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}
