// Package auth has authenticators for the management API and the console: functions that
// say who makes a request.
//
//	people, err := auth.JWT(auth.JWTConfig{Issuer: "https://login.example", Audience: "webhooks", JWKSURL: "https://login.example/keys"})
//	api, err := httpapi.New(m, httpapi.Config{Authenticate: auth.Chain(auth.APIKeys(m), people)})
//
// Each knows the credentials of its own kind, and returns ErrNone for a request without
// them; Chain asks one after the other. Credentials of the kind that are not good end
// the chain: nobody else is asked about a key that was revoked, or a token that has
// expired. Errors never have a credential in them.
//
// The handlers answer with 401, or 403 for webhook.ErrForbidden, or 503 for
// webhook.ErrUndecided and store.ErrUnavailable; they count what was refused, by
// address, and let nobody go on guessing.
package auth
