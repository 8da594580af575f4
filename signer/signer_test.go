package signer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// signFunc is a Signer like one that asks a KMS.
type signFunc func(ctx context.Context) (string, error)

func (f signFunc) Sign(ctx context.Context, _ string, _ time.Time, _ []byte) (string, error) {
	return f(ctx)
}

func tokenSigner(token string) signer.Signer {
	return signFunc(func(context.Context) (string, error) { return token, nil })
}

func TestHeaderJoinsInOrder(t *testing.T) {
	a, c := vectorNamed(t, "A"), vectorNamed(t, "C")
	got, err := signer.Header(t.Context(), a.ID, a.at(), a.Body, c.signer(t), a.signer(t), tokenSigner("v9,kms"))
	if want := c.Signature + " " + a.Signature + " v9,kms"; err != nil || got != want {
		t.Errorf("Header = %q, %v; want %q", got, err, want)
	}
}

func TestSignErrors(t *testing.T) {
	secret, private := newSecret(t), mustPrivate(t, vectorNamed(t, "C").Key)
	now := time.Now()
	tests := []struct {
		name string
		id   string
		at   time.Time
		want error
	}{
		{"dot", "evt_1.5", now, signer.ErrBadID},
		{"empty", "", now, signer.ErrBadID},
		{"line end", "evt_1\n", now, signer.ErrBadID},
		{"NUL", "evt_\x00", now, signer.ErrBadID},
		{"not ASCII", "evt_é", now, signer.ErrBadID},
		{"65 bytes", strings.Repeat("x", 65), now, signer.ErrBadID},
		{"64 bytes", strings.Repeat("x", 64), now, nil},
		{"all characters", "azAZ09_-", now, nil},
		{"zero time", "evt_1", time.Time{}, signer.ErrBadTimestamp},
		{"1970", "evt_1", time.Unix(0, 0), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, s := range map[string]signer.Signer{"Secret": secret, "PrivateKey": private} {
				if got, err := s.Sign(t.Context(), tt.id, tt.at, nil); !errors.Is(err, tt.want) || (got == "") != (err != nil) {
					t.Errorf("%s.Sign = %q, %v; want error %v", name, got, err, tt.want)
				}
			}
			// A foreign Signer may not look at the id; Header does.
			if got, err := signer.Header(t.Context(), tt.id, tt.at, nil, tokenSigner("v1,x")); !errors.Is(err, tt.want) || (got == "") != (err != nil) {
				t.Errorf("Header = %q, %v; want error %v", got, err, tt.want)
			}
		})
	}
}

func TestHeaderErrors(t *testing.T) {
	secret := newSecret(t)
	kms := errors.New("kms is down")
	down := signFunc(func(context.Context) (string, error) { return "v1,x", kms })
	obedient := signFunc(func(ctx context.Context) (string, error) { return "v1,x", ctx.Err() })
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		signers []signer.Signer
		want    error
	}{
		{"none", t.Context(), nil, signer.ErrNoSigner},
		{"nil", t.Context(), []signer.Signer{nil}, signer.ErrNoSigner},
		{"nil as the second", t.Context(), []signer.Signer{secret, nil}, signer.ErrNoSigner},
		{"zero Secret", t.Context(), []signer.Signer{signer.Secret{}}, signer.ErrNoKey},
		{"zero PrivateKey", t.Context(), []signer.Signer{secret, signer.PrivateKey{}}, signer.ErrNoKey},
		{"failing", t.Context(), []signer.Signer{down}, kms},
		{"failing as the second", t.Context(), []signer.Signer{secret, down}, kms},
		{"ended context", canceled, []signer.Signer{obedient}, context.Canceled},
		{"empty token", t.Context(), []signer.Signer{tokenSigner("")}, signer.ErrBadToken},
		{"token without version", t.Context(), []signer.Signer{tokenSigner(",x")}, signer.ErrBadToken},
		{"token without signature", t.Context(), []signer.Signer{tokenSigner("v1,")}, signer.ErrBadToken},
		{"token without comma", t.Context(), []signer.Signer{tokenSigner("v1")}, signer.ErrBadToken},
		{"two tokens", t.Context(), []signer.Signer{tokenSigner("v1,x v1,y")}, signer.ErrBadToken},
		{"header injection", t.Context(), []signer.Signer{tokenSigner("v1,x\r\nHost: y")}, signer.ErrBadToken},
		{"not ASCII", t.Context(), []signer.Signer{tokenSigner("v1,é")}, signer.ErrBadToken},
	}
	for _, tt := range tests {
		got, err := signer.Header(tt.ctx, "evt_1", time.Now(), nil, tt.signers...)
		if !errors.Is(err, tt.want) || got != "" {
			t.Errorf("%s: Header = %q, %v; want error %v and no half header", tt.name, got, err, tt.want)
		}
	}
}

// One key serves all workers of a process at once.
func TestSignConcurrently(t *testing.T) {
	for _, name := range []string{"A", "C"} {
		v := vectorNamed(t, name)
		s := v.signer(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if got, err := s.Sign(t.Context(), v.ID, v.at(), v.Body); err != nil || got != v.Signature {
						t.Errorf("Sign = %q, %v; want %q", got, err, v.Signature)
					}
					_, _ = s.Sign(t.Context(), "evt_other", v.at(), []byte("a body of another length"))
				}
			})
		}
		wg.Wait()
	}
}
