package manage_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// The engine looks for changes twice a second. In these tests no time passes
// after a change, so it must have been told.
func TestChangesTakeEffectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		ep, old, err := w.CreateEndpoint(t.Context(), newEndpoint())
		w.must(err, "CreateEndpoint")
		began := time.Now()
		w.publish()
		if !w.signedBy(old) {
			t.Error("a delivery is not signed by the endpoint's secret")
		}

		fresh, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Overlap: -1})
		w.must(err, "RotateSecret")
		w.publish()
		if !w.signedBy(fresh) || w.signedBy(old) {
			t.Error("a delivery after RotateSecret is not signed by the new secret alone")
		}

		_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
			ep.URL = "https://new.example/"
			return nil
		})
		w.must(err, "UpdateEndpoint")
		w.publish()
		if got := w.last().URL; got != "https://new.example/" {
			t.Errorf("a delivery after UpdateEndpoint went to %s; want the new URL", got)
		}

		_, err = w.Pause(t.Context(), acme, ep.ID)
		w.must(err, "Pause")
		sent := len(w.requests)
		held := w.publish()
		if held.Status != webhook.DeliveryPending || len(w.requests) != sent {
			t.Errorf("a delivery after Pause is %s; want it pending, and nothing sent", held.Status)
		}
		w.must(w.DeleteEndpoint(t.Context(), acme, ep.ID), "DeleteEndpoint")
		synctest.Wait()
		if got, err := w.Delivery(t.Context(), acme, held.ID); err != nil || got.Status != webhook.DeliveryCanceled {
			t.Errorf("a held delivery after DeleteEndpoint is %s, %v; want it canceled", got.Status, err)
		}
		if took := time.Since(began); took != 0 {
			t.Fatalf("%v went by; the test shows nothing if the engine had time to look", took)
		}
	})
}

// What is written is written, and a caller that has gone away changes nothing
// about it.
func TestChangeOfACallerThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		ep := w.endpoint()
		w.publish()
		ctx, cancel := context.WithCancel(t.Context())
		w.store.afterRotate = cancel
		fresh, err := w.RotateSecret(ctx, acme, ep.ID, manage.Rotation{Overlap: -1})
		w.must(err, "RotateSecret")
		w.publish()
		if !w.signedBy(fresh) {
			t.Error("a delivery after RotateSecret is not signed by the new secret")
		}
	})
}

// signedBy reports whether a receiver with the secret takes the last request.
func (w *world) signedBy(secret manage.Secret) bool {
	w.t.Helper()
	v, err := signer.NewVerifier(secret.Reveal())
	w.must(err, "NewVerifier")
	req := w.last()
	return v.Verify(http.Header(req.Header), req.Body) == nil
}
