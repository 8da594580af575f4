package manage_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// A program gets a key of its own, with no more rights than whoever makes it.
func ExampleManager_CreateAPIKey() {
	ctx := context.Background()
	m, _ := newManager()
	admin := webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Actor: "ada@acme.example", Scopes: []string{"publish"}}

	key, secret, err := m.CreateAPIKey(ctx, admin, webhook.Token{
		Name: "billing service", Role: webhook.RoleDeveloper, Scopes: []string{"publish"},
		ExpiresAt: time.Now().AddDate(1, 0, 0),
	})
	if err != nil {
		log.Fatal(err)
	}
	show := secret.Reveal() // now, or never again
	fmt.Println(key.Name, key.Role, key.Scopes, secret)

	token, err := m.CheckToken(ctx, webhook.TokenAPIKey, show) // as auth.APIKeys does
	fmt.Println(token.Principal().Tenant, token.Scopes, err)

	if err := m.RevokeAPIKey(ctx, "acme", key.ID); err != nil {
		log.Fatal(err)
	}
	_, err = m.CheckToken(ctx, webhook.TokenAPIKey, show)
	fmt.Println("revoked:", errors.Is(err, manage.ErrTokenInvalid))
	// Output:
	// billing service developer [publish] ***
	// acme [publish] <nil>
	// revoked: true
}

// A customer's page opens the console with a token that is valid for minutes.
func ExampleManager_CreatePortalToken() {
	ctx := context.Background()
	m, _ := newManager()
	admin := webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin}

	token, secret, err := m.CreatePortalToken(ctx, admin, webhook.Token{
		Role: webhook.RoleDeveloper, ExpiresAt: time.Now().Add(15 * time.Minute),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Kind, token.Name, token.Role)

	_, err = m.CheckToken(ctx, webhook.TokenPortal, secret.Reveal()) // as auth.PortalTokens does
	fmt.Println("good:", err == nil)
	_, err = m.CheckToken(ctx, webhook.TokenAPIKey, secret.Reveal())
	fmt.Println("as an API key:", err)
	// Output:
	// portal portal developer
	// good: true
	// as an API key: token is not valid
}
