package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/postrider/postrider/webhook"
)

var errKey = errors.New("there is no key, or a wrong one")

// byKey lets in whoever has the key, as admin of the tenant that they name.
func byKey(key string) func(*http.Request) (webhook.Principal, error) {
	want := sha256.Sum256([]byte(key))
	return func(r *http.Request) (webhook.Principal, error) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return webhook.Principal{}, errKey
		}
		tenant := r.Header.Get("X-Tenant-Id")
		if tenant == "" {
			tenant = "default"
		}
		return webhook.Principal{Tenant: tenant, Role: webhook.RoleAdmin, Actor: "api-key", Scopes: []string{"publish", "event-types"}}, nil
	}
}
