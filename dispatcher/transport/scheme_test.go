package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// topics takes URLs below the tenant's name, and answers with a status of its own.
type topics struct{ transport.TransportFunc }

func (topics) CheckURL(tenant, raw string) (string, error) {
	if name, ok := strings.CutPrefix(strings.ToLower(raw), "topic://"); ok && strings.HasPrefix(name, tenant+".") {
		return "topic://" + name, nil
	}
	return "", errors.New("c4n4ry")
}

func answers(status int) transport.TransportFunc {
	return func(context.Context, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: status}, nil
	}
}

func TestBySchemes(t *testing.T) {
	mixed := transport.BySchemes(answers(http.StatusOK), map[string]transport.Scheme{"topic": topics{answers(http.StatusAccepted)}})
	for url, want := range map[string]int{
		"topic://acme.orders": http.StatusAccepted,
		"https://a.example/":  http.StatusOK,
		"topics://acme":       http.StatusOK,
		"topic:acme":          http.StatusOK,
		"":                    http.StatusOK,
	} {
		resp, err := mixed.Send(t.Context(), &transport.Request{URL: url})
		if err != nil || resp.StatusCode != want {
			t.Errorf("Send to %q = %+v, %v; want %d", url, resp, err, want)
		}
	}
}

func TestCheckSchemeURL(t *testing.T) {
	for _, tt := range []struct{ url, normal, code string }{
		{url: "topic://acme.orders", normal: "topic://acme.orders"},
		{url: "TOPIC://acme.orders", normal: "topic://acme.orders"},
		{url: "topic://other.orders", code: webhook.CodeURLNotAllowed},
		{url: "topic://user:pass@acme.orders", code: webhook.CodeURLInvalid},
		{url: "topic://acme. orders", code: webhook.CodeURLInvalid},
		{url: "topic://acme.orders#part", code: webhook.CodeURLInvalid},
		{url: "topic://acme.\\orders", code: webhook.CodeURLInvalid},
		{url: "topic://acme.\xff", code: webhook.CodeURLInvalid},
		{url: "topic://acme." + strings.Repeat("x", 2048), code: webhook.CodeURLInvalid},
	} {
		normal, err := transport.CheckSchemeURL(topics{}, "acme", tt.url)
		invalid, _ := errors.AsType[*webhook.InvalidError](err)
		switch {
		case tt.code == "" && (err != nil || normal != tt.normal):
			t.Errorf("CheckSchemeURL(%q) = %q, %v; want %q", tt.url, normal, err, tt.normal)
		case tt.code != "" && (invalid == nil || string(invalid.Fields[0].Code) != tt.code || strings.Contains(err.Error(), "c4n4ry")):
			t.Errorf("CheckSchemeURL(%q) = %q, %v; want code %s, and nothing of the scheme's own error", tt.url, normal, err, tt.code)
		}
	}
}

func TestValidScheme(t *testing.T) {
	for name, want := range map[string]bool{
		"nats": true, "svc+tls": true, "s3-events.v2": true,
		"": false, "http": false, "https": false, "HTTP": false, "Nats": false, "9p": false, "a b": false, "a:": false,
	} {
		if got := transport.ValidScheme(name); got != want {
			t.Errorf("ValidScheme(%q) = %v; want %v", name, got, want)
		}
	}
}
