package manage_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestAPIKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		by := webhook.Principal{Tenant: acme, Role: webhook.RoleAdmin, Scopes: []string{"publish", "event-types"}}
		ctx := webhook.WithActor(t.Context(), webhook.Actor{Name: "ada"})
		key, secret, err := w.CreateAPIKey(ctx, by, webhook.Token{Name: "deploy", Scopes: []string{"publish"}, ExpiresAt: time.Now().Add(time.Hour)})
		w.must(err, "CreateAPIKey")
		if key.Role != webhook.RoleDeveloper || key.CreatedBy != "ada" || !webhook.PrefixAPIKey.ValidID(key.ID) {
			t.Errorf("CreateAPIKey = %+v; want a developer's key, made by ada", key)
		}
		text := secret.Reveal()
		if !strings.HasPrefix(text, "prk_") || len(text) != 53 || strings.Contains(secret.String(), text) {
			t.Errorf("secret = %q, which prints as %s; want prk_, 32 bytes and a checksum, and no trace of it in print", text, secret)
		}
		got, err := w.CheckToken(t.Context(), webhook.TokenAPIKey, text)
		w.must(err, "CheckToken")
		shown := webhook.Principal{Tenant: acme, Role: webhook.RoleDeveloper, Actor: "deploy (" + key.ID + ")", Scopes: []string{"publish"}}
		if diff := cmp.Diff(shown, got.Principal()); diff != "" {
			t.Errorf("who shows the key (-want +got):\n%s", diff)
		}
		if _, err := w.CheckToken(t.Context(), webhook.TokenPortal, text); !errors.Is(err, manage.ErrTokenInvalid) {
			t.Errorf("CheckToken as a portal token = %v; want ErrTokenInvalid", err)
		}
		time.Sleep(time.Hour)
		if _, err := w.CheckToken(t.Context(), webhook.TokenAPIKey, text); !errors.Is(err, manage.ErrTokenInvalid) {
			t.Errorf("CheckToken of an expired key = %v; want ErrTokenInvalid", err)
		}
	})
}

func TestPortalToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		token, secret, err := w.CreatePortalToken(t.Context(), adminOf(acme), webhook.Token{Role: webhook.RoleViewer})
		w.must(err, "CreatePortalToken")
		if got := time.Until(token.ExpiresAt); got != time.Hour || !strings.HasPrefix(secret.Reveal(), "prp_") {
			t.Errorf("CreatePortalToken = %q, valid for %v; want prp_… for an hour", secret.Reveal(), got)
		}
		_, err = w.CheckToken(t.Context(), webhook.TokenPortal, secret.Reveal())
		w.must(err, "CheckToken")
		w.must(w.RevokePortalToken(t.Context(), acme, token.ID), "RevokePortalToken")
		if _, err = w.CheckToken(t.Context(), webhook.TokenPortal, secret.Reveal()); !errors.Is(err, manage.ErrTokenInvalid) {
			t.Errorf("CheckToken after RevokePortalToken = %v; want ErrTokenInvalid", err)
		}
	})
}

func TestTokensRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	developer := webhook.Principal{Tenant: acme, Role: webhook.RoleDeveloper}
	for _, c := range []struct {
		what   string
		by     webhook.Principal
		token  webhook.Token
		portal bool
		fields string
	}{
		{"no name", adminOf(acme), webhook.Token{}, false, "name"},
		{"a long name", adminOf(acme), webhook.Token{Name: strings.Repeat("x", 101)}, false, "name"},
		{"a name with a NUL", adminOf(acme), webhook.Token{Name: "a\x00"}, false, "name"},
		{"no role of ours", adminOf(acme), webhook.Token{Name: "a", Role: "root"}, false, "role"},
		{"an odd scope", adminOf(acme), webhook.Token{Name: "a", Scopes: []string{"a b"}}, false, "scopes"},
		{"many scopes", adminOf(acme), webhook.Token{Name: "a", Scopes: make([]string, 21)}, false, "scopes"},
		{"one that has expired", adminOf(acme), webhook.Token{Name: "a", ExpiresAt: time.Now()}, false, "expires_at"},
		{"a portal token of two days", adminOf(acme), webhook.Token{ExpiresAt: time.Now().Add(48 * time.Hour)}, true, "ttl_seconds"},
		{"a role above one's own", developer, webhook.Token{Name: "a", Role: webhook.RoleAdmin}, false, ""},
		{"a scope that one lacks", adminOf(acme), webhook.Token{Name: "a", Scopes: []string{"event-types"}}, false, ""},
		{"the role of nobody", webhook.Principal{Tenant: acme}, webhook.Token{Name: "a"}, false, ""},
		{"a tenant that is none", adminOf("\xff"), webhook.Token{Name: "a"}, false, "tenant"},
	} {
		create := w.CreateAPIKey
		if c.portal {
			create = w.CreatePortalToken
		}
		_, secret, err := create(t.Context(), c.by, c.token)
		var inv *webhook.InvalidError
		if c.fields == "" && !errors.Is(err, webhook.ErrForbidden) || c.fields != "" && (!errors.As(err, &inv) || inv.Fields[0].Field != c.fields) {
			t.Errorf("create %s = %v; want it refused (%s)", c.what, err, c.fields)
		}
		if secret.Reveal() != "" {
			t.Errorf("create %s: there is a secret", c.what)
		}
	}
	if keys, err := w.APIKeys(t.Context(), acme, store.Page{}); err != nil || len(keys) != 0 {
		t.Errorf("APIKeys after refusals = %v, %v; want none", keys, err)
	}
	if _, err := w.APIKeys(t.Context(), acme, store.Page{After: "x"}); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("APIKeys after no id = %v; want ErrInvalid", err)
	}
}

func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 100 {
		_, _, err := w.CreateAPIKey(t.Context(), adminOf(acme), webhook.Token{Name: "a"})
		w.must(err, "CreateAPIKey")
	}
	if _, _, err := w.CreateAPIKey(t.Context(), adminOf(acme), webhook.Token{Name: "a"}); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("CreateAPIKey number 101 = %v; want ErrTooMany", err)
	}
}

// TestRevokedElsewhere has two processes over one database: a key that one revokes is
// refused there at once, and within a second by the other.
func TestRevokedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		managers := make([]*manage.Manager, 2)
		for i := range managers {
			d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
			if err != nil {
				t.Fatal(err)
			}
			managers[i] = manage.New(d)
		}
		key, secret, err := managers[0].CreateAPIKey(t.Context(), adminOf(acme), webhook.Token{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		check := func(i int) error {
			_, err := managers[i].CheckToken(t.Context(), webhook.TokenAPIKey, secret.Reveal())
			return err
		}
		for i := range managers {
			if err := check(i); err != nil {
				t.Fatalf("CheckToken in process %d = %v; want it accepted", i, err)
			}
		}
		if err := managers[0].RevokeAPIKey(t.Context(), acme, key.ID); err != nil {
			t.Fatal(err)
		}
		if err := check(0); !errors.Is(err, manage.ErrTokenInvalid) {
			t.Errorf("CheckToken where the key was revoked = %v; want ErrTokenInvalid at once", err)
		}
		time.Sleep(time.Second)
		if err := check(1); !errors.Is(err, manage.ErrTokenInvalid) {
			t.Errorf("CheckToken elsewhere a second later = %v; want ErrTokenInvalid", err)
		}
	})
}
