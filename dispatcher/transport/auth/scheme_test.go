package auth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/webhook"
)

func custom(name string) *auth.Credentials {
	return auth.NewCredentials(endpoint(webhook.Auth{
		Type: webhook.AuthCustom, Scheme: name, Params: map[string]string{"region": "eu"}, Secret: webhook.NewCredential("s3cret"),
	}))
}

func TestSchemeIsTold(t *testing.T) {
	var got *auth.Request
	a := auth.New(auth.Config{Schemes: map[string]auth.Scheme{"house": auth.SchemeFunc(func(_ context.Context, req *auth.Request) (http.Header, error) {
		got = req
		req.Header.Set("X-Scratch", "1")
		return http.Header{"authorization": {"House " + req.Secret.Reveal()}, "X-House": {"1"}}, nil
	})}})
	req := delivery(`{"a":1}`)
	set, err := a.Authenticate(t.Context(), custom("house"), req)
	if diff := cmp.Diff(http.Header{"Authorization": {"House s3cret"}, "X-House": {"1"}}, set); diff != "" || err != nil {
		t.Errorf("Authenticate returns other headers than the scheme's, error %v:\n%s", err, diff)
	}
	want := &auth.Request{
		Tenant: "acme", Endpoint: endpointID, Params: map[string]string{"region": "eu"}, Secret: webhook.NewCredential("s3cret"),
		Method: http.MethodPost, URL: req.URL, Header: http.Header{"Webhook-Id": {"evt_1"}, "X-Scratch": {"1"}}, Body: []byte(`{"a":1}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the scheme was told (-want +got):\n%s", diff)
	}
	if req.Header.Get("X-Scratch") != "" {
		t.Error("the scheme has changed the request's own headers")
	}
	if !a.Knows("house") || a.Knows("other") {
		t.Error("Knows does not tell which schemes there are")
	}
}

func TestSchemeThatFails(t *testing.T) {
	fault := errors.New("fault")
	returns := func(h http.Header, err error) auth.Scheme {
		return auth.SchemeFunc(func(context.Context, *auth.Request) (http.Header, error) { return h, err })
	}
	a := auth.New(auth.Config{Schemes: map[string]auth.Scheme{
		"fault": returns(nil, fault), "signature": returns(http.Header{"Webhook_Signature": {"v1,x"}}, nil),
		"length": returns(http.Header{"Content-Length": {"0"}}, nil), "two lines": returns(http.Header{"X-A": {"a\r\nB: c"}}, nil),
		"two values": returns(http.Header{"X-A": {"a", "b"}}, nil), "nothing": returns(nil, nil),
	}})
	for _, name := range []string{"fault", "signature", "length", "two lines", "two values", "unknown"} {
		set, err := a.Authenticate(t.Context(), custom(name), delivery(``))
		if err == nil || len(set) > 0 {
			t.Errorf("Authenticate by scheme %q = %v, %v; want an error", name, set, err)
		}
		if name == "fault" && !errors.Is(err, fault) || name == "unknown" && !errors.Is(err, auth.ErrUnknownScheme) {
			t.Errorf("Authenticate by scheme %q = %v; want it to say why", name, err)
		}
	}
	if set, err := a.Authenticate(t.Context(), custom("nothing"), delivery(``)); err != nil || len(set) > 0 {
		t.Errorf("Authenticate by a scheme that sets nothing = %v, %v; want neither", set, err)
	}
}
