package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// down is a store whose tokens cannot be read.
type down struct{ store.Store }

func (down) TokenByHash(context.Context, []byte) (webhook.Token, error) {
	return webhook.Token{}, store.ErrUnavailable
}

func newManager(t *testing.T, st store.Store) *manage.Manager {
	t.Helper()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	return manage.New(d)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	st := memstore.New()
	m := newManager(t, st)
	by := ada()
	by.Scopes = []string{"publish"}
	key, secret, err := m.CreateAPIKey(t.Context(), by, webhook.Token{Name: "deploy", Scopes: by.Scopes})
	if err != nil {
		t.Fatal(err)
	}
	portal, portalSecret, err := m.CreatePortalToken(t.Context(), by, webhook.Token{Role: webhook.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	keys, portals := auth.APIKeys(m), auth.PortalTokens(m)
	both := auth.Chain(keys, portals)
	text := secret.Reveal()
	for _, tt := range []struct {
		name         string
		authenticate auth.Func
		header       []string
		want         webhook.Principal
		err          error
	}{
		{"a key", both, []string{"Bearer " + text}, key.Principal(), nil},
		{"a portal token", both, []string{"bearer " + portalSecret.Reveal()}, portal.Principal(), nil},
		{"a key where portal tokens are", portals, []string{"Bearer " + text}, webhook.Principal{}, auth.ErrNone},
		{"a portal token where keys are", keys, []string{"Bearer " + portalSecret.Reveal()}, webhook.Principal{}, auth.ErrNone},
		{"a key of nobody's", both, []string{"Bearer " + text[:len(text)-8] + "00000000"}, webhook.Principal{}, auth.ErrInvalid},
		{"a key cut short", both, []string{"Bearer " + text[:20]}, webhook.Principal{}, auth.ErrInvalid},
		{"a key as a password", both, []string{basic("key", text)}, webhook.Principal{}, auth.ErrNone},
		{"two keys", both, []string{"Bearer " + text, "Bearer " + text}, webhook.Principal{}, auth.ErrInvalid},
		{"another token", both, []string{"Bearer something"}, webhook.Principal{}, auth.ErrNone},
		{"nothing", both, nil, webhook.Principal{}, auth.ErrNone},
		{"while the store is down", auth.APIKeys(newManager(t, down{memstore.New()})), []string{"Bearer " + text}, webhook.Principal{}, store.ErrUnavailable},
	} {
		p, err := tt.authenticate(with(tt.header...))
		if diff := cmp.Diff(tt.want, p); diff != "" || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v; want %v (-want +got):\n%s", tt.name, err, tt.err, diff)
		}
		if err != nil && strings.Contains(err.Error(), text[:12]) {
			t.Errorf("%s: the error %q has the key in it", tt.name, err)
		}
	}
	if err := m.RevokeAPIKey(t.Context(), "acme", key.ID); err != nil {
		t.Fatal(err)
	}
	next, asked := returns(ada(), nil)
	if _, err := auth.Chain(keys, next)(with("Bearer " + text)); !errors.Is(err, auth.ErrInvalid) || *asked != 0 {
		t.Errorf("a revoked key = %v after %d others were asked; want ErrInvalid, and none", err, *asked)
	}
}
