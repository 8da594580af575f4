package httpapi

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// need is what a principal needs for a route.
type need int

const (
	reader    need = iota // a developer or an admin; a viewer, if the host allows that
	developer             // a developer or an admin
	admin                 // an admin
	publisher             // a developer or an admin, with the scope publish
	registrar             // an admin, with the scope event-types
)

// scopes open what no role does.
var scopes = map[need]string{publisher: "publish", registrar: "event-types"}

// meets reports whether a principal may use a route.
func (n need) meets(p *webhook.Principal, allowViewer bool) bool {
	if scope := scopes[n]; scope != "" && !slices.Contains(p.Scopes, scope) {
		return false
	}
	switch p.Role {
	case webhook.RoleAdmin:
		return true
	case webhook.RoleDeveloper:
		return n != admin && n != registrar
	case webhook.RoleViewer:
		return n == reader && allowViewer
	}
	return false
}

type principalKey struct{}

// principal returns who makes a request that was let in.
func principal(ctx context.Context) webhook.Principal {
	p, _ := ctx.Value(principalKey{}).(webhook.Principal)
	return p
}

// tenant returns the only tenant that a request may be about.
func tenant(ctx context.Context) string { return principal(ctx).Tenant }

// letIn returns what stands before a route: it finds out who asks, whether they may, and
// whether the body is one that we read.
func (a *api) letIn(rt route) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(hctx)
		address := a.cfg.ClientAddress(r)
		p, refusal := a.authenticate(r, address)
		if refusal == nil {
			refusal = a.authorize(r, rt, p, address)
		}
		if refusal == nil {
			refusal = checkForm(r, rt)
		}
		if refusal != nil {
			refusal.write(w)
			return
		}
		ctx := webhook.WithActor(hctx.Context(), webhook.Actor{Name: p.Actor, Address: address})
		next(huma.WithContext(hctx, context.WithValue(ctx, principalKey{}, p)))
	}
}

func (a *api) authenticate(r *http.Request, address string) (webhook.Principal, *problem) {
	if wait, ok := a.failures.allows(address); !ok {
		p := newProblem(http.StatusTooManyRequests, webhook.CodeRateLimited, "Too many requests without valid credentials. Try again later.")
		p.retryAfter = wait
		return webhook.Principal{}, p
	}
	p, err := a.cfg.Authenticate(r)
	switch {
	case err == nil && p.Role.Valid() && webhook.ValidTenant(p.Tenant):
		return p, nil
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknown), errors.Is(err, webhook.ErrUndecided):
		return p, a.problemOf(r.Context(), err)
	case err == nil, errors.Is(err, webhook.ErrForbidden):
		a.refused("", address)
		return p, forbidden()
	}
	a.refused("", address)
	return p, newProblem(http.StatusUnauthorized, codeUnauthorized, "Valid credentials are needed.")
}

func (a *api) authorize(r *http.Request, rt route, p webhook.Principal, address string) *problem {
	if !rt.need.meets(&p, a.cfg.AllowViewer) {
		a.incident(p.Tenant, address)
		return forbidden()
	}
	if a.cfg.Authorize != nil {
		if err := a.cfg.Authorize(r.Context(), p, rt.action, cmp.Or(chi.URLParam(r, "id"), chi.URLParam(r, "type"))); err != nil {
			return forbidden()
		}
	}
	if a.cfg.Limiter != nil {
		if wait, ok := a.cfg.Limiter.Allow(r.Context(), p); !ok {
			refusal := newProblem(http.StatusTooManyRequests, webhook.CodeRateLimited, "Too many requests. Try again later.")
			refusal.retryAfter = wait
			return refusal
		}
	}
	return nil
}

func forbidden() *problem {
	return newProblem(http.StatusForbidden, codeForbidden, "You are not allowed to do this.")
}

// refused counts a request without valid credentials.
func (a *api) refused(tenant, address string) {
	a.failures.count(address)
	a.incident(tenant, address)
}

// incident counts for an incident of a tenant; "" is the host's own.
func (a *api) incident(tenant, address string) {
	if err := a.d.Incident(tenant, webhook.IncidentAuthentication, address[:min(len(address), webhook.MaxIncidentSubjectLen)]); err != nil {
		a.cfg.Logger.Warn("count a refused request", zap.Error(err))
	}
}

// checkForm refuses a query that no database would take, and bodies that are not plain
// JSON. No body is none that is wrong.
func checkForm(r *http.Request, rt route) *problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	for _, values := range query {
		if !strict.CleanText(strings.Join(values, "")) {
			err = webhook.ErrInvalid
		}
	}
	if err != nil {
		return refused([]webhook.FieldError{{Field: "query", Code: webhook.CodeInvalidField, Message: "Must be UTF-8 text without control characters."}})
	}
	if rt.body == nil {
		return nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "Bodies must not be compressed.")
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	switch {
	case err != nil, charset != "" && !strings.EqualFold(charset, "utf-8"):
	case media == jsonType, media == mergePatchType && rt.method == http.MethodPatch:
		return nil
	}
	return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "The body must be application/json in UTF-8.")
}

const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
)
