package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// tokenJSON is an API key or a portal token.
type tokenJSON struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role" enum:"admin,developer,viewer"`
	Scopes     []string   `json:"scopes" doc:"What no role opens: publish, event-types."`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at" nullable:"true" doc:"Null is never."`
	LastUsedAt *time.Time `json:"last_used_at" nullable:"true" doc:"To about a minute; null is never."`
	Secret     string     `json:"secret,omitempty" doc:"What to show as a bearer token. It is in this answer alone, to the creation."`
}

func tokenToJSON(t *webhook.Token) tokenJSON {
	return tokenJSON{
		ID: t.ID, Name: t.Name, Role: string(t.Role), Scopes: list(t.Scopes), CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt.UTC(),
		ExpiresAt: moment(t.ExpiresAt), LastUsedAt: moment(t.LastUsedAt),
	}
}

// apiKeyInput is an API key as it is asked for.
type apiKeyInput struct {
	Name      string     `json:"name" maxLength:"100" doc:"What it is for."`
	Role      string     `json:"role,omitempty" enum:"admin,developer,viewer" doc:"Defaults to developer. Nobody can give a role that they lack."`
	Scopes    []string   `json:"scopes,omitempty" doc:"Defaults to none. Nobody can give a scope that they lack."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" nullable:"true" doc:"Defaults to never."`
}

// portalTokenInput is a portal token as it is asked for.
type portalTokenInput struct {
	Name   string   `json:"name,omitempty" maxLength:"100" doc:"Whom it is for, in the audit log. Defaults to portal."`
	Role   string   `json:"role,omitempty" enum:"admin,developer,viewer" doc:"Defaults to developer. Nobody can give a role that they lack."`
	Scopes []string `json:"scopes,omitempty" doc:"Defaults to none. Nobody can give a scope that they lack."`
	TTL    float64  `json:"ttl_seconds,omitempty" minimum:"1" maximum:"86400" doc:"How long it is valid. Defaults to an hour."`
}

type createdToken struct {
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         tokenJSON
}

func (a *api) createAPIKey(ctx context.Context, in *createInput) (*createdToken, error) {
	var body apiKeyInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	t := webhook.Token{Name: body.Name, Role: webhook.Role(body.Role), Scopes: body.Scopes}
	if body.ExpiresAt != nil {
		t.ExpiresAt = *body.ExpiresAt
	}
	return shownOnce("api-keys/")(a.m.CreateAPIKey(ctx, principal(ctx), t))
}

func (a *api) createPortalToken(ctx context.Context, in *createInput) (*createdToken, error) {
	var body portalTokenInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	t := webhook.Token{Name: body.Name, Role: webhook.Role(body.Role), Scopes: body.Scopes}
	if body.TTL != 0 {
		t.ExpiresAt = time.Now().Add(seconds(body.TTL))
	}
	return shownOnce("portal-tokens/")(a.m.CreatePortalToken(ctx, principal(ctx), t))
}

// shownOnce returns what answers with a token and its secret.
func shownOnce(path string) func(webhook.Token, manage.Secret, error) (*createdToken, error) {
	return func(t webhook.Token, secret manage.Secret, err error) (*createdToken, error) {
		if errors.Is(err, store.ErrTooMany) {
			return nil, newProblem(http.StatusConflict, codeTooManyTokens, "There are as many as there may be. Revoke one that is not used.")
		}
		if err != nil {
			return nil, err
		}
		out := &createdToken{Location: path + t.ID, CacheControl: cacheNever, Body: tokenToJSON(&t)}
		out.Body.Secret = secret.Reveal()
		return out, nil
	}
}

func (a *api) listAPIKeys(ctx context.Context, in *struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor string `query:"cursor" doc:"The next of the page before."`
},
) (*answer[listJSON[tokenJSON]], error) {
	items, next, err := fetch(ctx, a, listing{"api keys", nil, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.Token, error) { return a.m.APIKeys(ctx, tenant(ctx), p) },
		func(t *webhook.Token) string { return t.ID })
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(items, next, tokenToJSON)), nil
}

func (a *api) revokeAPIKey(ctx context.Context, in *byID) (*struct{}, error) {
	return nil, a.m.RevokeAPIKey(ctx, tenant(ctx), in.ID)
}

func (a *api) revokePortalToken(ctx context.Context, in *byID) (*struct{}, error) {
	return nil, a.m.RevokePortalToken(ctx, tenant(ctx), in.ID)
}
