package e2e_test

import (
	"net/http"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// What is canceled while it waits behind a slow answer is never sent, and what is
// under way ends with its attempt.
func TestCancel(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		const events = 6
		answer := make(chan struct{})
		rc := newReceiver(t, func(int, arrival) int {
			<-answer
			return http.StatusInternalServerError
		})
		h := newHost(t, st, dispatcher.Config{})
		h.create(webhook.Endpoint{URL: rc.URL, MaxInFlight: 1})
		h.start()
		var ids []string
		for i := range events {
			ids = append(ids, h.publish(event("a", i)).EventID)
		}
		eventually(t, "nothing arrives", func() bool { return rc.count() == 1 })
		first := rc.got()[0].id // the endpoint keeps no order
		for _, id := range ids {
			answers, err := h.manage.CancelEvent(t.Context(), tenant, id)
			if err != nil || len(answers) != 1 || id == first && answers[0].Outcome != webhook.CancelRequested {
				t.Errorf("CancelEvent of %s = %+v, %v; want one answer, and of %s that it was only asked for", id, answers, err, first)
			}
		}
		close(answer)
		eventually(t, "not all have ended as canceled", func() bool {
			return h.count(store.DeliveryFilter{}, webhook.DeliveryCanceled) == events
		})
		want(t, "requests", rc.count(), 1)
		for _, d := range h.deliveries(tenant, store.DeliveryFilter{}) {
			want(t, "reason", d.Reason, webhook.ReasonCanceledByHand)
			want(t, "attempts of "+d.EventID, d.Attempts, map[bool]int{true: 1}[d.EventID == first])
		}
	})
}
