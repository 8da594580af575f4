package webhook_test

import (
	"strings"
	"testing"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

func TestSignatureIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		signature webhook.Signature
		text      string
		header    string
	}{
		{webhook.Signature{Scheme: webhook.SchemeV1}, "v1", "Webhook-Signature"},
		{webhook.Signature{Scheme: webhook.SchemeV1a}, "v1a", "Webhook-Signature"},
		{webhook.Signature{Scheme: webhook.SchemeGitHub}, "github", "X-Hub-Signature-256"},
		{webhook.Signature{Scheme: webhook.SchemeStripe}, "stripe", "Stripe-Signature"},
		{webhook.Signature{Scheme: webhook.SchemeStripe, Header: "Acme-Signature"}, "stripe Acme-Signature", "Acme-Signature"},
		{webhook.Signature{Scheme: webhook.SchemeCustom, Header: "x-acme-hmac"}, "custom x-acme-hmac", "X-Acme-Hmac"},
		{webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-H", Prefix: "sha256="}, "custom X-H sha256=", "X-H"},
	} {
		if got := tt.signature.String(); got != tt.text {
			t.Errorf("String of %+v = %q; want %q: it is stored", tt.signature, got, tt.text)
		}
		if got := webhook.ParseSignature(tt.text); got != tt.signature {
			t.Errorf("ParseSignature(%q) = %+v; want %+v", tt.text, got, tt.signature)
		}
		if err := tt.signature.Validate(new(webhook.Endpoint)); err != nil {
			t.Errorf("Validate of %s: %v", tt.text, err)
		}
		if form, err := tt.signature.Form(); err != nil || form.Header() != tt.header {
			t.Errorf("Form of %s has the header %q, %v; want %q", tt.text, form.Header(), err, tt.header)
		}
	}
	if got := webhook.ParseSignature(""); got != (webhook.Signature{}) || got.String() != "" {
		t.Errorf("ParseSignature of nothing = %+v", got)
	}
}

func TestSignatureRefuses(t *testing.T) {
	own := &webhook.Endpoint{
		Headers: map[string]string{"X-Own_Header": "1", "x-hub-signature-256": "1"},
		Auth:    webhook.Auth{Type: webhook.AuthAPIKey, Header: "X-Acme_Key"},
	}
	for name, tt := range map[string]struct {
		signature   webhook.Signature
		field, code string
	}{
		"unknown scheme":      {webhook.Signature{Scheme: "none"}, "signature.scheme", webhook.CodeInvalidField},
		"header of v1":        {webhook.Signature{Header: "X-Sig"}, "signature.header", webhook.CodeInvalidField},
		"header of github":    {webhook.Signature{Scheme: webhook.SchemeGitHub, Header: "X-Sig"}, "signature.header", webhook.CodeInvalidField},
		"custom without":      {webhook.Signature{Scheme: webhook.SchemeCustom}, "signature.header", webhook.CodeInvalidField},
		"no token":            {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X Sig"}, "signature.header", webhook.CodeInvalidField},
		"two lines":           {webhook.Signature{Scheme: webhook.SchemeStripe, Header: "X\r\nSig"}, "signature.header", webhook.CodeInvalidField},
		"129 bytes":           {webhook.Signature{Scheme: webhook.SchemeCustom, Header: strings.Repeat("x", 129)}, "signature.header", webhook.CodeInvalidField},
		"content-type":        {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "Content_Type"}, "signature.header", webhook.CodeHeaderNotAllowed},
		"webhook-id":          {webhook.Signature{Scheme: webhook.SchemeStripe, Header: "webhook-id"}, "signature.header", webhook.CodeHeaderNotAllowed},
		"authorization":       {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "Authorization"}, "signature.header", webhook.CodeHeaderNotAllowed},
		"an own header":       {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-OWN-HEADER"}, "signature.header", webhook.CodeHeaderNotAllowed},
		"github's as own":     {webhook.Signature{Scheme: webhook.SchemeGitHub}, "signature.header", webhook.CodeHeaderNotAllowed},
		"the API key's":       {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "x-acme-key"}, "signature.header", webhook.CodeHeaderNotAllowed},
		"prefix of stripe":    {webhook.Signature{Scheme: webhook.SchemeStripe, Prefix: "x"}, "signature.prefix", webhook.CodeInvalidField},
		"prefix with a space": {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-Sig", Prefix: "a b"}, "signature.prefix", webhook.CodeInvalidField},
		"prefix with a CR":    {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-Sig", Prefix: "a\r"}, "signature.prefix", webhook.CodeInvalidField},
		"prefix of 65 bytes":  {webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-Sig", Prefix: strings.Repeat("a", 65)}, "signature.prefix", webhook.CodeInvalidField},
	} {
		checkInvalid(t, "Signature, "+name, tt.signature.Validate(own), tt.field, tt.code)
	}
	if _, err := (webhook.Signature{Scheme: "none"}).Form(); err == nil {
		t.Error("Form of an unknown scheme: no error")
	}
	// Whatever Validate accepts, package signer can make.
	for _, header := range []string{"A", strings.Repeat("x", 128), "!#$%&'*+-.^_`|~0"} {
		s := webhook.Signature{Scheme: webhook.SchemeCustom, Header: header, Prefix: strings.Repeat("~", 64)}
		if err := s.Validate(new(webhook.Endpoint)); err != nil {
			t.Errorf("Validate: %v", err)
		}
		if form, err := s.Form(); err != nil || form == (signer.Scheme{}) {
			t.Errorf("Form of %s = %v, %v; want a scheme", s, form, err)
		}
	}
}
