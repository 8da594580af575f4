package e2e_test

import (
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// lastAttempt publishes an event and returns the first attempt to deliver it.
func (h *host) lastAttempt() webhook.Attempt {
	h.t.Helper()
	r := h.publish(event("a", 1))
	var found []webhook.Attempt
	eventually(h.t, "no attempt is recorded", func() bool {
		list := h.deliveries(tenant, store.DeliveryFilter{Event: r.EventID})
		if len(list) == 1 {
			found = h.attempts(list[0])
		}
		return len(found) > 0
	})
	return found[0]
}

// Lists count from the next attempt on, whoever changes them, though the connection
// to the receiver is still open from the attempt before.
func TestListsHoldAtEveryAttempt(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		rc := newReceiver(t, nil)
		var ofTenant atomic.Pointer[guard.List]
		h := newHost(t, st, dispatcher.Config{TenantList: func(of string) *guard.List {
			want(t, "tenant that the hook is asked about", of, tenant)
			return ofTenant.Load()
		}})
		// A name, so that its own lists do not forbid the URL when they change.
		ep, _ := h.create(webhook.Endpoint{URL: strings.Replace(rc.URL, "127.0.0.1", "localhost", 1)})
		h.start()
		change := func(f func(*webhook.Endpoint)) {
			t.Helper()
			if _, err := h.manage.UpdateEndpoint(t.Context(), tenant, ep.ID, func(ep *webhook.Endpoint) error { f(ep); return nil }); err != nil {
				t.Fatalf("UpdateEndpoint = %v; want nil", err)
			}
		}
		denyLoopback, err := guard.NewList(nil, []string{"127.0.0.0/8", "::1"})
		if err != nil {
			t.Fatal(err)
		}
		requests := 0
		step := func(what string, class webhook.ErrorClass) {
			t.Helper()
			a := h.lastAttempt()
			want(t, what+": class", a.Class, class)
			if class == webhook.ClassNone {
				requests++
			} else {
				want(t, what+": remote address", a.RemoteAddr, "")
			}
			want(t, what+": requests at the receiver", rc.count(), requests)
		}
		step("no lists", webhook.ClassNone)
		change(func(ep *webhook.Endpoint) { ep.DeniedIPs = []string{"127.0.0.0/8", "::1"} })
		step("denied by the endpoint", webhook.ClassBlockedAddress)
		change(func(ep *webhook.Endpoint) { ep.DeniedIPs, ep.AllowedIPs = nil, []string{"8.8.8.8"} })
		step("not allowed by the endpoint", webhook.ClassBlockedAddress)
		change(func(ep *webhook.Endpoint) { ep.AllowedIPs = []string{"127.0.0.1", "::1"} })
		step("allowed by the endpoint", webhook.ClassNone)
		ofTenant.Store(denyLoopback)
		step("denied by the tenant", webhook.ClassBlockedAddress)
		ofTenant.Store(nil)
		step("no longer denied", webhook.ClassNone)
	})
}

// A proxy that is down fails attempts, but says nothing about the endpoints behind
// it: their breakers stay closed, and nobody is warned.
func TestProxyFailureIsNotTheEndpoints(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		rc := newReceiver(t, nil)
		u, err := url.Parse(closedPort(t))
		if err != nil {
			t.Fatal(err)
		}
		h := newHost(t, st, dispatcher.Config{HTTP: transport.HTTPConfig{Proxy: u}})
		ep, _ := h.create(webhook.Endpoint{URL: rc.URL, AutoPauseAfter: 5})
		h.start()
		for range 8 { // more than open a breaker, or pause the endpoint
			want(t, "class of an attempt while the proxy is down", h.lastAttempt().Class, webhook.ClassInternal)
		}
		health, err := h.manage.Health(t.Context(), tenant, ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "failures in a row", health.Failures, 0)
		got, err := h.manage.Endpoint(t.Context(), tenant, ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", got.Status, webhook.EndpointActive)
		want(t, "requests at the receiver", rc.count(), 0)
	})
}
