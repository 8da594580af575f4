package send_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"go.uber.org/zap"
)

func TestMessageFrame(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.FixedZone("", 3600))
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "user.created", Timestamp: at, Data: json.RawMessage(`{"id": 1}`)})
	if got := string(msg.Data()); got != `{"id": 1}` {
		t.Errorf("Data = %s, want the event's own bytes", got)
	}
	var body []byte
	s := newSender(transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		body = req.Body
		return &transport.Response{StatusCode: 200}, nil
	}))
	s.Send(t.Context(), route(t, nil), msg, time.Second)
	const want = `{"type":"user.created","timestamp":"2026-03-01T11:00:00.120000Z","data":{"id": 1}}`
	if string(body) != want {
		t.Errorf("body = %s, want %s", body, want)
	}
	if msg.Size() != len(want) {
		t.Errorf("Size = %d, want the %d bytes of the body", msg.Size(), len(want))
	}
}

// newSender returns a sender without authentication.
func newSender(t transport.Transport) *send.Sender {
	return send.NewSender(send.Config{Transport: t, UserAgent: "Test/1", Log: zap.NewNop(), Expressions: expression.New(nil)})
}

// route returns a route to an endpoint with headers of its owner's.
func route(t testing.TB, headers map[string]string) *send.Route {
	t.Helper()
	return routeTo(t, webhook.Endpoint{Tenant: "acme", ID: "ep_1", URL: "https://a.example/", Headers: headers})
}

// routeTo returns a route to an endpoint as it was stored.
func routeTo(t testing.TB, ep webhook.Endpoint) *send.Route {
	t.Helper()
	rec, err := send.SealEndpoint(t.Context(), seal.Plaintext{}, ep)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Headers != nil {
		t.Errorf("SealEndpoint left the headers in the record: %v", rec.Headers)
	}
	secret, err := send.SealSecret(t.Context(), seal.Plaintext{},
		store.SecretRecord{Tenant: "acme", ID: "sec_1", Signature: webhook.Signature{Scheme: webhook.SchemeV1}}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	r, err := send.NewRoute(t.Context(), seal.Plaintext{}, store.EngineEndpoint{EndpointRecord: rec, Secrets: []store.SecretRecord{secret}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOwnHeadersAreSentAndNotKept(t *testing.T) {
	var sent string
	s := newSender(transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		sent = req.Header.Get("Authorization")
		return &transport.Response{StatusCode: 200}, nil
	}))
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(`1`)})
	x := s.Send(t.Context(), route(t, map[string]string{"authorization": "Bearer s3cret"}), msg, time.Second)
	if sent != "Bearer s3cret" {
		t.Errorf("Authorization = %q, want the endpoint's", sent)
	}
	kept := x.Attempt.RequestHeaders
	for _, name := range []string{"Webhook-Timestamp", "Webhook-Signature"} {
		if kept[name] == "" {
			t.Errorf("the attempt keeps no %s, which who looks for a fault needs", name)
		}
		delete(kept, name)
	}
	want := map[string]string{"Authorization": "***", "Content-Type": "application/json", "User-Agent": "Test/1", "Webhook-Id": "evt_1"}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("request headers of the attempt (-want +got):\n%s", diff)
	}
}

func TestPanicOfATransportIsAnAnswer(t *testing.T) {
	s := newSender(transport.TransportFunc(func(context.Context, *transport.Request) (*transport.Response, error) {
		panic("boom")
	}))
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(`1`)})
	x := s.Send(t.Context(), route(t, nil), msg, time.Second)
	if x.Class != webhook.ClassInternal || x.Attempt.Class != webhook.ClassInternal {
		t.Errorf("classes = %v and %v, want internal", x.Class, x.Attempt.Class)
	}
}
