package send_test

import (
	"context"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// BenchmarkSend is an attempt without its transport: what an endpoint that asks for
// no authentication costs must not rise with what others ask for.
func BenchmarkSend(b *testing.B) {
	s := newSender(transport.TransportFunc(func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: 200}, nil
	}))
	r := route(b, nil)
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: []byte(`{"a":1}`)})
	b.ReportAllocs()
	for b.Loop() {
		s.Send(b.Context(), r, msg, time.Second)
	}
}
