package webhook_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/webhook"
)

func TestInvalidError(t *testing.T) {
	var none webhook.InvalidError
	if err := none.Err(); err != nil {
		t.Errorf("Err() of no field = %#v; want a nil error", err)
	}

	var inv webhook.InvalidError
	inv.Add("url", webhook.CodeURLInvalid, "Must be a URL.")
	inv.Add("labels", webhook.CodeInvalidField, "Too many.")
	err := fmt.Errorf("create endpoint: %w", inv.Err())
	if !errors.Is(err, webhook.ErrInvalid) || errors.Is(err, webhook.ErrIdempotencyConflict) {
		t.Errorf("errors.Is(%v, ErrInvalid) = false; want true, and nothing else", err)
	}
	var got *webhook.InvalidError
	if !errors.As(err, &got) || len(got.Fields) != 2 || got.Fields[1] != (webhook.FieldError{Field: "labels", Code: "invalid_field", Message: "Too many."}) {
		t.Errorf("errors.As gave %+v; want both fields", got)
	}
	if want := "create endpoint: url: Must be a URL.; labels: Too many."; err.Error() != want {
		t.Errorf("Error() = %q; want %q", err, want)
	}
	if one := webhook.Invalid("f", "c", "m"); !errors.Is(one, webhook.ErrInvalid) || one.Error() != "f: m" {
		t.Errorf("Invalid = %v", one)
	}
}

// Messages are shown to people and logged: they must not carry what was typed.
func TestErrorsNeverRepeatInput(t *testing.T) {
	const canary = "s3cr3t"
	bad := canary + "\x00"
	ev := webhook.Event{Tenant: bad, Type: bad, Data: []byte(bad), IdempotencyKey: bad, Subject: bad, Metadata: map[string]string{bad: bad}}
	ep := webhook.Endpoint{
		Tenant: bad, URL: bad, Description: bad, Labels: []string{bad}, EventTypes: []string{bad}, Headers: map[string]string{"X": bad},
		Signature: webhook.Signature{Scheme: webhook.SignatureScheme(bad), Header: bad, Prefix: bad}, Status: webhook.EndpointStatus(bad), StatusReason: bad, Metadata: map[string]string{"k": bad},
	}
	_, newErr := webhook.NewEvent(bad, bad, make(chan string))
	for _, err := range []error{ev.Validate(), ep.Validate(), newErr} {
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error %v; want one that does not repeat the input", err)
		}
	}
}

func TestErrorClassMessages(t *testing.T) {
	seen := map[string]webhook.ErrorClass{}
	for _, c := range []webhook.ErrorClass{
		webhook.ClassNone, webhook.ClassBlockedAddress, webhook.ClassDNS, webhook.ClassConnect, webhook.ClassTLS, webhook.ClassTimeout,
		webhook.ClassProtocol, webhook.ClassRedirect, webhook.ClassHTTPStatus, webhook.ClassAuth, webhook.ClassFilterError,
		webhook.ClassTransformError, webhook.ClassEncryptionError, webhook.ClassCanceled, webhook.ClassInternal,
	} {
		m := c.Message()
		if other, dup := seen[m]; dup || !strings.HasSuffix(m, ".") {
			t.Errorf("%q.Message() = %q, the same as %q; want a sentence of its own", c, m, other)
		}
		seen[m] = c
	}
	if got, want := webhook.ErrorClass("new").Message(), webhook.ClassInternal.Message(); got != want {
		t.Errorf("an unknown class says %q; want %q", got, want)
	}
}

func TestRoles(t *testing.T) {
	for _, r := range []webhook.Role{webhook.RoleAdmin, webhook.RoleDeveloper, webhook.RoleViewer} {
		if !r.Valid() {
			t.Errorf("%q.Valid() = false", r)
		}
	}
	for _, r := range []webhook.Role{"", "Admin", "root"} {
		if r.Valid() {
			t.Errorf("%q.Valid() = true; want false", r)
		}
	}
}
