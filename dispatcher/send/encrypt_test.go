package send_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// A key that is no good, as only a hand in the database can leave one, makes attempts
// fail: nothing goes out as it is.
func TestNothingIsSentThatCannotBeEncrypted(t *testing.T) {
	s := newSender(transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		t.Errorf("%s was sent", req.Body)
		return &transport.Response{StatusCode: 200}, nil
	}))
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(`1`)})
	x := s.Send(t.Context(), routeTo(t, webhook.Endpoint{Tenant: "acme", ID: "ep_1", URL: "https://a.example/", Encryption: webhook.Encryption{JWK: `{"kty":"RSA"}`}}), msg, time.Second)
	if x.Class != webhook.ClassEncryptionError || x.Attempt.Class != webhook.ClassEncryptionError {
		t.Errorf("classes = %s and %s; want encryption_error", x.Class, x.Attempt.Class)
	}
}
