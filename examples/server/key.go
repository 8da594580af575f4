package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

var errKey = errors.New("there is no key, or a wrong one")

// authenticator lets in whoever has the root key, as admin of the tenant that they name,
// or an API key or portal token that was made with it.
func authenticator(key string, m *manage.Manager) auth.Func {
	return auth.Chain(byKey(key), auth.APIKeys(m), auth.PortalTokens(m))
}

// byKey lets in whoever has the root key.
func byKey(key string) auth.Func {
	want := sha256.Sum256([]byte(key))
	return func(r *http.Request) (webhook.Principal, error) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return webhook.Principal{}, auth.ErrNone
		}
		return webhook.Principal{
			Tenant: cmp.Or(r.Header.Get("X-Tenant-Id"), "default"), Role: webhook.RoleAdmin, Actor: "api-key", Scopes: []string{"publish", "event-types"},
		}, nil
	}
}
