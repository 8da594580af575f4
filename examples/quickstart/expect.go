package main

import (
	"fmt"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// allDelivered wants every event delivered, at the first attempt.
func allDelivered(o outcome) error { return deliveredAt(o, 1) }

// allDeliveredAtThirdTry wants every event delivered, after two that failed.
func allDeliveredAtThirdTry(o outcome) error { return deliveredAt(o, 3) }

func deliveredAt(o outcome, attempts int) error {
	if err := o.receiver.missing(o.published); err != nil {
		return err
	}
	n := len(o.published)
	if got := o.byStatus[webhook.DeliveryDelivered]; got != n || n == 0 {
		return fmt.Errorf("%d of %d deliveries are recorded as delivered", got, n)
	}
	if o.counts.Attempts != int64(n*attempts) {
		return fmt.Errorf("%d attempts were made for %d events; want %d each", o.counts.Attempts, n, attempts)
	}
	if o.endpoint.Status != webhook.EndpointActive || o.health.Breaker != manage.BreakerClosed {
		return fmt.Errorf("it is %s, its breaker %s; want active and closed", o.endpoint.Status, o.health.Breaker)
	}
	return nil
}

// heldBack wants a few deliveries failed, for want of a connection, and the rest
// to wait behind an open circuit breaker.
func heldBack(o outcome) error {
	failed, pending := o.byStatus[webhook.DeliveryFailed], o.byStatus[webhook.DeliveryPending]
	if failed == 0 || pending == 0 || failed+pending != len(o.published) {
		return fmt.Errorf("of %d deliveries %d failed and %d are pending; want some of both and none else", len(o.published), failed, pending)
	}
	if n := o.counts.Classes[webhook.ClassConnect]; n != o.counts.Attempts || n != int64(failed) {
		return fmt.Errorf("of %d attempts %d are of class %s; want one for each of %d failed deliveries", o.counts.Attempts, n, webhook.ClassConnect, failed)
	}
	if o.endpoint.Status != webhook.EndpointActive || o.health.Breaker == manage.BreakerClosed {
		return fmt.Errorf("it is %s, its breaker %s; want active and open", o.endpoint.Status, o.health.Breaker)
	}
	return nil
}

// pausedAsGone wants the endpoint paused by its 410, and all deliveries to wait.
func pausedAsGone(o outcome) error {
	if o.endpoint.Status != webhook.EndpointPaused || o.endpoint.PauseCause != webhook.PausedByGone {
		return fmt.Errorf("it is %s %s; want paused because it is gone", o.endpoint.Status, o.endpoint.PauseCause)
	}
	if pending := o.byStatus[webhook.DeliveryPending]; pending != len(o.published) || pending == 0 {
		return fmt.Errorf("of %d deliveries %d are pending; want all", len(o.published), pending)
	}
	if o.counts.Attempts >= int64(len(o.published)) {
		return fmt.Errorf("%d attempts were made for %d deliveries; want an end after the first few", o.counts.Attempts, len(o.published))
	}
	return nil
}
