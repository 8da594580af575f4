package webhooktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// RequireDelivered waits until the events that are meant have been delivered to every
// endpoint they go to, and returns their deliveries, newest first. It fails the test as
// RequirePublished does; at once if an event goes to no endpoint, a delivery has ended
// otherwise or its next attempt is too far off; and as Receiver.WaitFor does if
// deliveries stay pending. The failure says of each why it is where it is.
func RequireDelivered(t testing.TB, d *dispatcher.Dispatcher, want Want) []webhook.Delivery {
	t.Helper()
	ctx, cancel := patient(t)
	defer cancel()
	deliveries, err := Delivered(ctx, d, want)
	if err != nil {
		t.Fatalf("webhooktest: %v", err)
	}
	return deliveries
}

// Delivered is RequireDelivered until ctx ends, for those who fail in their own way.
func Delivered(ctx context.Context, d *dispatcher.Dispatcher, want Want) ([]webhook.Delivery, error) {
	events, err := Published(ctx, d, want)
	if err != nil {
		return nil, err
	}
	var all []webhook.Delivery
	for i := range events {
		deliveries, err := delivered(ctx, d, &events[i])
		if err != nil {
			return nil, err
		}
		all = append(all, deliveries...)
	}
	return all, nil
}

// delivered waits for all deliveries of an event.
func delivered(ctx context.Context, d *dispatcher.Dispatcher, ev *webhook.Event) ([]webhook.Delivery, error) {
	for began := time.Now(); ; {
		deliveries, err := d.Store().ListDeliveries(ctx, ev.Tenant, store.DeliveryFilter{Event: ev.ID}, store.Page{Limit: store.MaxPage})
		if err != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("look for deliveries of %s: %w", ev.ID, err)
		}
		if err == nil && len(deliveries) == 0 {
			return nil, fmt.Errorf("event %s %s goes to no endpoint: none of the tenant's wants it", ev.ID, ev.Type)
		}
		isPending := func(dl webhook.Delivery) bool { return dl.Status == webhook.DeliveryPending }
		isDone := func(dl webhook.Delivery) bool { return dl.Status == webhook.DeliveryDelivered || isPending(dl) }
		pending := slices.IndexFunc(deliveries, isPending)
		ended := slices.ContainsFunc(deliveries, func(dl webhook.Delivery) bool { return !isDone(dl) })
		if err == nil && pending < 0 && !ended {
			return deliveries, nil
		}
		if ended || err != nil || !await(ctx, began, deliveries[pending].NextAttemptAt) {
			return nil, undelivered(context.WithoutCancel(ctx), d, ev)
		}
	}
}

// await waits before a delivery is looked at again: till its next attempt or, if that is
// due, a little, which grows with what it has taken so far. It reports false if that
// would be after ctx has ended.
func await(ctx context.Context, began, next time.Time) bool {
	wait := max(time.Until(next), time.Since(began)/8, time.Millisecond)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < time.Until(next) {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// undelivered says what became of an event.
func undelivered(ctx context.Context, d *dispatcher.Dispatcher, ev *webhook.Event) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	deliveries, err := d.Store().ListDeliveries(ctx, ev.Tenant, store.DeliveryFilter{Event: ev.ID}, store.Page{})
	if err != nil {
		return fmt.Errorf("look for deliveries of %s: %w", ev.ID, err)
	}
	m := manage.New(d)
	lines := make([]string, len(deliveries))
	for i, dl := range deliveries {
		why, err := m.Why(ctx, dl.Tenant, dl.ID)
		if err != nil {
			why = err.Error()
		}
		lines[i] = fmt.Sprintf("%s to %s: %s", dl.ID, dl.EndpointID, why)
	}
	return errors.New("event " + ev.ID + " " + ev.Type + " is not delivered everywhere:" + strings.TrimRight(list(lines), "\n"))
}
