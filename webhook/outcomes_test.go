package webhook_test

import (
	"testing"

	"github.com/postrider/postrider/webhook"
)

func TestEventStatus(t *testing.T) {
	t.Parallel()
	const (
		pending, delivered, failed = webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed
		canceled, skipped          = webhook.DeliveryCanceled, webhook.DeliverySkipped
	)
	for _, tt := range []struct {
		deliveries []webhook.DeliveryStatus
		want       webhook.EventStatus
	}{
		{nil, webhook.EventUnmatched},
		{[]webhook.DeliveryStatus{"unheard of"}, webhook.EventUnmatched},
		{[]webhook.DeliveryStatus{pending}, webhook.EventPending},
		{[]webhook.DeliveryStatus{delivered, pending, failed}, webhook.EventPending},
		{[]webhook.DeliveryStatus{delivered}, webhook.EventDelivered},
		{[]webhook.DeliveryStatus{delivered, delivered}, webhook.EventDelivered},
		{[]webhook.DeliveryStatus{delivered, failed}, webhook.EventPartial},
		{[]webhook.DeliveryStatus{delivered, canceled}, webhook.EventPartial},
		{[]webhook.DeliveryStatus{skipped, delivered}, webhook.EventPartial},
		{[]webhook.DeliveryStatus{failed}, webhook.EventFailed},
		{[]webhook.DeliveryStatus{failed, canceled, skipped}, webhook.EventFailed},
		{[]webhook.DeliveryStatus{canceled, skipped}, webhook.EventCanceled},
		{[]webhook.DeliveryStatus{skipped}, webhook.EventSkipped},
	} {
		var o webhook.Outcomes
		for _, status := range tt.deliveries {
			o.Add(status, 1)
		}
		if got := o.Status(); got != tt.want || !got.Valid() {
			t.Errorf("status of an event whose deliveries are %v = %q; want %q", tt.deliveries, got, tt.want)
		}
	}
	if webhook.EventStatus("lost").Valid() || webhook.EventStatus("").Valid() {
		t.Error("a status that there is not is valid")
	}
}
