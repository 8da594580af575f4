package send_test

import (
	"context"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

func TestBatchIsAnArrayOfEnvelopes(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var messages []*send.Message
	for id, data := range map[string]string{"evt_1": `{"n": 1}`} {
		messages = append(messages, send.NewMessage(&webhook.Event{ID: id, Type: "a.b", Timestamp: at, Data: []byte(data)}))
	}
	messages = append(messages, send.NewMessage(&webhook.Event{ID: "evt_2", Type: "c", Timestamp: at, Data: []byte(`[]`)}))
	var got *transport.Request
	s := newSender(transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		got = req
		return &transport.Response{StatusCode: 200}, nil
	}))
	s.Send(t.Context(), route(t, nil), send.NewBatch("bat_1", messages), time.Second)
	const want = `[{"id":"evt_1","type":"a.b","timestamp":"2026-03-01T12:00:00.000000Z","data":{"n": 1}},` +
		`{"id":"evt_2","type":"c","timestamp":"2026-03-01T12:00:00.000000Z","data":[]}]`
	if got == nil || string(got.Body) != want || got.Header.Get("Webhook-Id") != "bat_1" {
		t.Errorf("a batch of two was sent as %+v, want\n%s", got, want)
	}
}
