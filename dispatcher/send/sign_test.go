package send_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// externalRoute returns a route to an endpoint whose key stays outside.
func externalRoute(t *testing.T) *send.Route {
	t.Helper()
	rec, err := send.SealSecret(t.Context(), seal.Plaintext{}, store.SecretRecord{
		Tenant: "acme", ID: "sec_1", Signature: webhook.Signature{Scheme: webhook.SchemeV1},
	}, send.ExternalKey{Reference: "key-1"}.Text())
	if err != nil {
		t.Fatal(err)
	}
	ep := webhook.Endpoint{Tenant: "acme", ID: "ep_1", URL: "https://a.example/"}
	r, err := send.NewRoute(t.Context(), seal.Plaintext{}, store.EngineEndpoint{
		EndpointRecord: store.EndpointRecord{Endpoint: ep}, Secrets: []store.SecretRecord{rec},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A KMS that is down fails every attempt of the process; the log must not show each.
func TestExternalKeyIsMissedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		down := errors.New("KMS is down")
		unsent := transport.TransportFunc(func(context.Context, *transport.Request) (*transport.Response, error) {
			t.Error("a request went out without a signature")
			return &transport.Response{StatusCode: 200}, nil
		})
		keys := func(_ context.Context, tenant, reference string) (signer.Signer, error) {
			if tenant != "acme" || reference != "key-1" {
				t.Errorf("asked for the key %q of %q", reference, tenant)
			}
			return nil, down
		}
		s := send.NewSender(send.Config{Transport: unsent, Keys: keys, UserAgent: "Test/1", Log: zap.New(core)})
		r, msg := externalRoute(t), send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(`1`)})
		for range 2 {
			for range 10 {
				if x := s.Send(t.Context(), r, msg, time.Second); x.Class != webhook.ClassInternal {
					t.Errorf("class = %s; want internal", x.Class)
				}
			}
			time.Sleep(time.Second)
		}
		if n := logs.Len(); n != 2 {
			t.Errorf("20 attempts in two seconds were logged %d times; want twice", n)
		}
	})
}

// What we break off ourselves while a key is waited for says nothing about it.
func TestSigningThatIsBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := send.NewSender(send.Config{UserAgent: "Test/1", Log: zap.NewNop(), Keys: func(ctx context.Context, _, _ string) (signer.Signer, error) {
		cancel()
		return nil, ctx.Err()
	}})
	msg := send.NewMessage(&webhook.Event{ID: "evt_1", Type: "a", Data: json.RawMessage(`1`)})
	if x := s.Send(ctx, externalRoute(t), msg, time.Second); x.Class != webhook.ClassCanceled {
		t.Errorf("class = %s; want canceled", x.Class)
	}
	unset := newSender(nil)
	if x := unset.Send(t.Context(), externalRoute(t), msg, time.Second); x.Class != webhook.ClassInternal {
		t.Errorf("class without external keys = %s; want internal", x.Class)
	}
}
