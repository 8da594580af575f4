package manage_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

var checkOwnership = dispatcher.Config{OwnershipCheck: true}

// challenged returns the challenge in a request, or fails the test.
func challenged(t *testing.T, req *transport.Request) string {
	t.Helper()
	var envelope struct {
		Type string `json:"type"`
		Data struct {
			Challenge string `json:"challenge"`
		} `json:"data"`
	}
	if err := json.Unmarshal(req.Body, &envelope); err != nil || envelope.Type != webhook.TypeChallenge || len(envelope.Data.Challenge) < 43 {
		t.Errorf("a check sent %s, %v; want a %s with 32 random bytes", req.Body, err, webhook.TypeChallenge)
	}
	return envelope.Data.Challenge
}

// answering is a receiver that does something with the challenge.
func answering(t *testing.T, code int, body func(challenge string, req *transport.Request) string) transport.TransportFunc {
	return func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: code, Body: []byte(body(challenged(t, req), req))}, nil
	}
}

func echo(challenge string, _ *transport.Request) string { return challenge }

func TestOwnershipCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer transport.TransportFunc
		ok     bool
	}{
		{"the challenge", answering(t, 200, echo), true},
		{"the challenge as JSON", answering(t, 202, func(c string, _ *transport.Request) string { return `{"challenge":"` + c + `"}` }), true},
		{"no challenge", status(200), false},
		{"another challenge", answering(t, 200, func(c string, _ *transport.Request) string { return strings.ToLower(c) }), false},
		{"the whole request", answering(t, 200, func(_ string, req *transport.Request) string { return string(req.Body) }), false},
		{"a failure with the challenge", answering(t, 500, echo), false},
		{"a redirect with the challenge", answering(t, 307, echo), false},
		{"a blocked address", func(context.Context, *transport.Request) (*transport.Response, error) {
			return nil, &transport.Error{Class: webhook.ClassBlockedAddress}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorldWith(t, checkOwnership)
			w.answers(c.answer)
			given := newEndpoint()
			given.DiscardResponses = true // of deliveries; this is none
			ep, secret, err := w.CreateEndpoint(t.Context(), given)
			if c.ok {
				w.must(err, "CreateEndpoint")
				v, err := signer.NewVerifier(secret.Reveal())
				w.must(err, "NewVerifier")
				req := w.last()
				w.must(v.Verify(req.Header, req.Body), "verify the check with the endpoint's secret")
				if list, err := w.Attempts(t.Context(), acme, ep.ID); err == nil && len(list) != 0 {
					t.Errorf("the check is in the attempt log: %+v", list)
				}
				return
			}
			wantNotVerified(t, "CreateEndpoint", err)
			_, _, err = w.ImportEndpoint(t.Context(), given, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
			wantNotVerified(t, "ImportEndpoint", err)
			if n := w.stored(); n != 0 {
				t.Errorf("%d endpoints are stored; want none", n)
			}
		})
	}
}

func wantNotVerified(t *testing.T, call string, err error) {
	t.Helper()
	invalid, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok || len(invalid.Fields) != 1 || invalid.Fields[0].Field != "url" || invalid.Fields[0].Code != webhook.CodeURLNotVerified {
		t.Errorf("%s = %v; want field url, code %s", call, err, webhook.CodeURLNotVerified)
	}
}

func TestOwnershipIsNotCheckedUnlessWanted(t *testing.T) {
	w := newWorld(t)
	w.endpoint()
	if len(w.requests) != 0 {
		t.Errorf("CreateEndpoint sent %d requests; want none", len(w.requests))
	}
}

// TestOwnershipOnMove moves an endpoint with a credential: the new host must answer,
// and must not see the credential, whatever it does.
func TestOwnershipOnMove(t *testing.T) {
	w := newWorldWith(t, checkOwnership)
	w.answers(answering(t, 200, echo))
	ep := newEndpoint()
	ep.Headers = map[string]string{"X-Key": "canary-header"}
	ep, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	move := func(url string) error {
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { ep.URL = url; return nil })
		return err
	}
	w.requests = nil
	w.must(move("https://acme.example/elsewhere"), "UpdateEndpoint on the same host")
	if len(w.requests) != 0 {
		t.Errorf("a move on the same host sent %d requests; want none", len(w.requests))
	}
	w.answers(status(200))
	wantNotVerified(t, "UpdateEndpoint to a host that does not answer", move("https://evil.example/"))
	if got := w.last().Header.Get("X-Key"); got != "" {
		t.Errorf("the check sent the credential of another host: %q", got)
	}
	kept, err := w.Endpoint(t.Context(), acme, ep.ID)
	w.must(err, "Endpoint")
	if kept.URL != "https://acme.example/elsewhere" || kept.Headers["X-Key"] != manage.Hidden {
		t.Errorf("after a refused move the endpoint is %s with headers %v; want it as it was", kept.URL, kept.Headers)
	}
	w.answers(answering(t, http.StatusOK, echo))
	w.must(move("https://new.example/"), "UpdateEndpoint to a host that answers")
}

// TestOwnershipChecksAreLimited knocks at many doors in quick succession.
func TestOwnershipChecksAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, checkOwnership)
		for i := range 12 {
			_, _, err := w.CreateEndpoint(t.Context(), newEndpoint())
			if limited := errors.Is(err, manage.ErrTestLimit); limited != (i >= 10) {
				t.Errorf("CreateEndpoint %d = %v; want ErrTestLimit after ten", i, err)
			}
		}
		if n := len(w.requests); n != 10 {
			t.Errorf("%d requests were sent; want 10", n)
		}
	})
}

// TestOwnershipCheckEnds has a receiver that never answers, and a caller who gives up.
func TestOwnershipCheckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, checkOwnership)
		w.answers(hang)
		_, _, err := w.CreateEndpoint(t.Context(), newEndpoint())
		wantNotVerified(t, "CreateEndpoint after 5 seconds", err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := w.CreateEndpoint(ctx, newEndpoint()); !errors.Is(err, context.Canceled) {
			t.Errorf("CreateEndpoint with a context that ended = %v; want its error", err)
		}
	})
}
