package webhook_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/webhook"
)

func TestCountsAddAndMerge(t *testing.T) {
	count := func(ended webhook.DeliveryStatus, attempts ...webhook.Attempt) (c webhook.Counts) {
		for i := range attempts {
			c.Add(&attempts[i], ended)
		}
		return c
	}
	took := webhook.Timings{Total: 5 * time.Millisecond}
	sum := count(webhook.DeliveryDelivered, webhook.Attempt{StatusCode: 204, Timings: took})
	sum.Merge(count(webhook.DeliveryPending,
		webhook.Attempt{Class: webhook.ClassHTTPStatus, StatusCode: 429, Timings: took},
		webhook.Attempt{Class: webhook.ClassHTTPStatus, StatusCode: 500, Timings: took},
		webhook.Attempt{Class: webhook.ClassTimeout, Timings: took}))
	sum.Merge(count(webhook.DeliveryFailed, webhook.Attempt{Class: webhook.ClassHTTPStatus, StatusCode: 429, Timings: took}))

	want := webhook.Counts{
		Attempts: 5, Delivered: 1, Failed: 1,
		Classes:  map[webhook.ErrorClass]int64{webhook.ClassHTTPStatus: 3, webhook.ClassTimeout: 1},
		Statuses: map[int]int64{429: 2, 500: 1},
	}
	for range 5 {
		want.Latency.Add(took.Total)
	}
	if diff := cmp.Diff(want, sum, cmp.AllowUnexported(webhook.Histogram{})); diff != "" {
		t.Errorf("counts of five attempts (-want +got):\n%s", diff)
	}
}
