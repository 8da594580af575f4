package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type keysPage struct {
	page
	APIKeys, Portal []webhook.Token
	Form            *form
	Roles, Lives    []option
	// Secret is that of the key that was just made, for the only time.
	Secret string
	Made   webhook.Token
	// Link opens the console with it, if it is a portal token and there is a portal.
	Link   string
	Scopes []string
}

// MadePortal says that what was just made is a portal token.
func (p *keysPage) MadePortal() bool { return p.Made.Kind == webhook.TokenPortal }

var tokenRoles = []option{{"developer", "Developer: manages webhooks"}, {"viewer", "Viewer: only looks"}, {"admin", "Administrator: keys and audit too"}}

// lives are how long a key may be valid, by the value of the form.
var lives = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "month": 30 * 24 * time.Hour, "quarter": 90 * 24 * time.Hour, "year": 365 * 24 * time.Hour}

var lifeOptions = []option{{"", "The usual"}, {"hour", "An hour"}, {"day", "A day"}, {"month", "30 days"}, {"quarter", "90 days"}, {"year", "A year"}}

func (c *console) keys(w http.ResponseWriter, r *http.Request) error {
	return c.showKeys(w, r, http.StatusOK, &keysPage{Form: newForm(make(map[string][]string))})
}

// createKey makes an API key or a portal token and shows its secret, which no URL may have,
// so this form does not redirect.
func (c *console) createKey(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), newForm(r.PostForm)
	by := principal(ctx)
	t := webhook.Token{Name: f.text("name"), Role: webhook.Role(cmp.Or(f.text("role"), string(webhook.RoleDeveloper))), Scopes: slices.Clone(r.PostForm["scopes"])}
	if life := lives[f.text("life")]; life > 0 {
		t.ExpiresAt = time.Now().Add(life)
	}
	create := c.m.CreateAPIKey
	if f.text("kind") == string(webhook.TokenPortal) {
		create = c.m.CreatePortalToken
	}
	made, secret, err := create(ctx, by, t)
	if err != nil {
		if err := f.faults(err); err != nil {
			return err
		}
		return c.showKeys(w, r, http.StatusUnprocessableEntity, &keysPage{Form: f})
	}
	return c.showKeys(w, r, http.StatusCreated, &keysPage{Form: newForm(make(map[string][]string)), Secret: secret.Reveal(), Made: made})
}

func (c *console) showKeys(w http.ResponseWriter, r *http.Request, status int, p *keysPage) error {
	ctx := r.Context()
	p.page, p.Roles, p.Lives, p.Scopes = c.newPage(r, "keys", "API keys"), tokenRoles, lifeOptions, principal(ctx).Scopes
	if p.MadePortal() && c.cfg.Portal {
		p.Link = p.Root + "portal#" + p.Secret
	}
	var err error
	if p.APIKeys, err = c.m.APIKeys(ctx, tenant(ctx), store.Page{Limit: store.MaxPage}); err != nil {
		return err
	}
	if p.Portal, err = c.m.PortalTokens(ctx, tenant(ctx), store.Page{Limit: store.MaxPage}); err != nil {
		return err
	}
	c.show(w, r, status, "keys", p)
	return nil
}

func (c *console) revokeKey(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "key")
	revoke := c.m.RevokeAPIKey
	if webhook.TokenPortal.Prefix().ValidID(id) {
		revoke = c.m.RevokePortalToken
	}
	if err := revoke(r.Context(), tenant(r.Context()), id); err != nil {
		return err
	}
	return done(w, r, "keys", "revoked")
}

// revokeConfirm asks before a key is revoked.
func revokeConfirm(root, id string) confirm {
	return confirm{Text: "Revoke", Action: root + "keys/" + id + "/revoke", Question: "Whoever uses it is refused at once.", Yes: "Revoke it for good", Danger: true}
}
