package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// A redirect is neither followed nor a success, whatever the endpoint's method and
// statuses.
func TestRedirectIsNeverASuccess(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		var method atomic.Value
		target := newReceiver(t, nil)
		rc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			method.Store(r.Method)
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		}))
		defer rc.Close()
		h := newHost(t, st, dispatcher.Config{})
		ep, _ := h.create(webhook.Endpoint{URL: rc.URL, Method: http.MethodPut, SuccessStatuses: []int{200, 204, 404}})
		h.start()
		h.publish(event("a", 1))
		var d webhook.Delivery
		eventually(t, "no attempt is recorded", func() bool {
			d = h.deliveries(tenant, store.DeliveryFilter{Endpoint: ep.ID})[0]
			return d.Attempts > 0
		})
		want(t, "method", method.Load().(string), http.MethodPut)
		want(t, "status", d.Status, webhook.DeliveryPending)
		want(t, "class of the attempt", h.attempts(d)[0].Class, webhook.ClassRedirect)
		want(t, "requests at the target", target.count(), 0)
	})
}
