package dispatcher_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// A legacy receiver says success with other codes. What it does not list is a
// failure then, a redirect always.
func TestSuccessStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		defer w.run()()
		for code, delivered := range map[int]bool{200: false, 202: true, 301: false, 404: true, 410: true, 500: false} {
			ep := w.create(webhook.Endpoint{
				Tenant: "acme", URL: "https://legacy.example/", SuccessStatuses: []int{202, 404, 410},
			}, status(code))
			r := w.publish(1, "a.b")[0]
			wait(time.Second)
			if d := w.only(r); (d.Status == webhook.DeliveryDelivered) != delivered {
				t.Errorf("answered with %d the delivery is %s, want delivered: %v", code, d.Status, delivered)
			}
			rec, err := w.store.Endpoint(t.Context(), "acme", ep.ID)
			if err != nil || rec.Status != webhook.EndpointActive {
				t.Errorf("answered with %d the endpoint is %s, %v; want it active", code, rec.Status, err)
			}
			if err := w.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		defer w.run()()
		for given, sent := range map[string]string{"": "POST", "POST": "POST", "PUT": "PUT", "PATCH": "PATCH"} {
			got := ""
			ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", Method: given},
				func(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
					got = req.Method
					return &transport.Response{StatusCode: 200}, nil
				})
			w.publish(1, "a.b")
			wait(time.Second)
			want(t, "method sent for "+given, got, sent)
			if err := w.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}
